"""What is shown of the audit log to those who do not see every knowledge base, and who gives them what they see."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from console.models import Sight
from handoffs.models import Handoff, Source
from ingestion.models import Approval, Flight, IngestRun, Occurrence
from ledger.models import Event
from ledger.sight import given
from patches.models import PatchBatch

# The rows that an event of each lifecycle speaks of, and the way from there to their knowledge base.
ROWS: dict[str, tuple[type[Model], str]] = {
    "run": (IngestRun, "reflection"),
    "handoff": (Handoff, "source__reflection"),
    "flight": (Flight, "source__reflection"),
    "batch": (PatchBatch, "reflection"),
    "occurrence": (Occurrence, "source__reflection"),
    "approval": (Approval, "source__reflection"),
    "source": (Source, "reflection"),
}


def told(events: QuerySet[Event], person: Any) -> QuerySet[Event]:
    """Those of the events that speak of what the person sees."""
    seen = given(person)
    if seen is None:
        return events
    theirs: Any = Q(pk=None)
    for lifecycle, (model, way) in ROWS.items():
        rows = model._default_manager.filter(pk=OuterRef("row_id"), **{f"{way}__in": seen})
        theirs |= Q(lifecycle=lifecycle) & Exists(rows)
    return events.filter(theirs)


class SightInline(admin.StackedInline[Sight, Sight]):
    """Left out, the person sees every knowledge base."""

    model = Sight
    filter_horizontal = ("reflections",)
    verbose_name_plural = "what they see: all knowledge bases, or these alone"
