"""An item's page: what it says now, and what became of it."""

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString

from handoffs.admin import ReferenceAdmin
from handoffs.models import Reference
from ingestion.models import IngestRun
from ledger import rendering
from patches.models import Carrier

RUNS_SHOWN, HASH_SHOWN = 20, 12


class ItemPage(ReferenceAdmin):
    """An item with what became of it: its latest runs, and the batch that holds what it says now."""

    leads: ClassVar[tuple[str, ...]] = ("live", "runs")

    @admin.display(description="what it says now")
    def live(self, reference: Reference) -> SafeString:
        carrier = Carrier.objects.filter(reference=reference).select_related("batch").first()
        return rendering.link(carrier and carrier.batch)

    @admin.display(description="latest runs")
    def runs(self, reference: Reference) -> SafeString:
        found = IngestRun.objects.filter(handoff__reference=reference).order_by("-pk")
        return rendering.table(
            ["run", "status", "reason", "stage", "since", "payload", "batch"],
            [
                (
                    rendering.link(run),
                    rendering.state(run.status),
                    run.get_reason_display(),
                    run.stage,
                    rendering.moment(run.since),
                    run.handoff.payload_id[:HASH_SHOWN],
                    rendering.link(run.batch),
                )
                for run in found.select_related("handoff", "batch")[:RUNS_SHOWN]
            ],
        )
