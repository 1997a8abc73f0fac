"""Straight to the page of whatever was pasted: an id, a task of Flower's, a hash, a fingerprint, a name.

Each shape asks indexed questions alone, and only of tables that the person may see.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from console.models import Operation
from handoffs.models import Handoff, Payload, Reference, Source
from ingestion.models import Flight, IngestRun, Occurrence, Quarantine
from ledger import rendering
from patches.models import Entity, Fact, PatchBatch
from patches.names import key_of

SHOWN = 10  # of each table
LONGEST = 500
NUMBERED: dict[str, type[Model]] = {
    "run": IngestRun,
    "handoff": Handoff,
    "batch": PatchBatch,
    "flight": Flight,
    "fact": Fact,
    "source": Source,
    "sync": Occurrence,
    "occurrence": Occurrence,
    "operation": Operation,
}


@dataclass(frozen=True)
class Shape:
    """What a term looks like, and what is asked of which tables then."""

    pattern: str
    asks: Callable[["re.Match[str]"], Iterator[tuple[type[Model], Q]]]


def _named(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    yield NUMBERED[match["table"].lower()], Q(pk=int(match["id"]))


def _task(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    """A task's id is made of the ledger's: see ingestion.ring."""
    yield Occurrence if match["stage"] == "sync" else Flight, Q(pk=int(match["id"]))


def _number(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    for model in dict.fromkeys(NUMBERED.values()):
        yield model, Q(pk=int(match[0]))


def _uuid(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    yield Reference, Q(pk=match[0])
    yield Entity, Q(pk=match[0])


def _hash(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    start = match[0].lower()
    yield Payload, Q(payload_hash__startswith=start)
    yield PatchBatch, Q(content_hash__startswith=start)
    yield Quarantine, Q(fingerprint__startswith=start)


def _name(match: "re.Match[str]") -> Iterator[tuple[type[Model], Q]]:
    term = match[0]
    yield Reference, Q(external_id__startswith=term)
    yield Entity, Q(key__startswith=key_of(term)) if key_of(term) else Q(pk=None)
    yield Source, Q(name__startswith=term)


# A term is tried on them in this order; the first that finds something decides.
SHAPES = (
    Shape(rf"(?i)(?P<table>{'|'.join(NUMBERED)})\s*[#:/]?\s*(?P<id>[0-9]{{1,18}})", _named),
    Shape(r"(?P<id>[0-9]{1,18})\.(?P<stage>[a-z]+)", _task),
    Shape(r"[0-9]{1,18}", _number),
    Shape(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", _uuid),
    Shape(r"(?i)[0-9a-f]{8,64}", _hash),
    Shape(r".+", _name),
)


def find(site: AdminSite, request: HttpRequest, term: str) -> list[Model]:
    """The rows that are meant, SHOWN of each table at most; empty for what nothing is called."""
    for shape in SHAPES:
        if match := re.fullmatch(shape.pattern, term):
            found = [
                row
                for model, asked in shape.asks(match)
                if (page := site.get_model_admin(model)).has_view_permission(request)
                for row in page.get_queryset(request).filter(asked).order_by("pk")[:SHOWN]
            ]
            if found:
                return found
    return []


def go(site: AdminSite, request: HttpRequest) -> HttpResponse:
    """To the page of the only row that is meant; else what could be meant, to choose from."""
    term = request.GET.get("q", "").strip()[:LONGEST]
    found = find(site, request, term) if term else []
    if len(found) == 1:
        return redirect(rendering.page(found[0]))
    rows = [(str(row._meta.verbose_name), rendering.link(row), _state(row)) for row in found]
    context = {**site.each_context(request), "title": "Go to", "term": term, "rows": rows, "names": list(NUMBERED)}
    return TemplateResponse(request, "console/go.html", context)


def _state(row: Any) -> Any:
    return rendering.state(row.status) if hasattr(row, "status") else ""
