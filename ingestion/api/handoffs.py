"""GET and POST /handoffs: what became of what was handed over."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from pydantic import Field

from handoffs.models import ApiToken, Handoff, HandoffStatus
from ingestion.api.access import allowed
from ingestion.api.problems import PROBLEMS
from ingestion.operating import cancel_handoffs, requeue
from ledger.deeds import Answer
from ledger.reasons import Reason

router = Router(tags=["handoffs"])
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class HandoffOut(Schema):
    id: int
    status: str
    reason: str
    source: str
    external_id: str
    reference_id: UUID
    payload_hash: str
    size_bytes: int
    opened: int
    since: datetime
    created_at: datetime

    @staticmethod
    def of(handoff: Handoff) -> dict[str, Any]:
        names = ("id", "status", "reason", "reference_id", "size_bytes", "opened", "since", "created_at")
        more = {"source": handoff.source.name, "external_id": handoff.reference.external_id}
        return {name: getattr(handoff, name) for name in names} | more | {"payload_hash": handoff.payload_id}


class Page(Schema):
    """`next` is the `after` of the page behind this one; null on the last."""

    handoffs: list[HandoffOut]
    next: int | None


class Counted(Schema):
    status: str
    reason: str
    handoffs: int


class Counts(Schema):
    counts: list[Counted]


class Filter(Schema):
    status: HandoffStatus | None = None
    reason: Reason | None = None
    source: Annotated[str, Field(max_length=200, pattern="^[^\\x00]*$")] | None = None


class Paging(Filter):
    after: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 50


class Done(Schema):
    """Ids by what was done with them, and by why nothing was."""

    done: dict[str, list[int]]
    refused: dict[str, list[int]]


def _rows(token: ApiToken, which: Filter | None = None) -> QuerySet[Handoff]:
    rows = Handoff.objects.filter(source__reflection=token.reflection)
    if which is None:
        return rows
    asked = {"status": which.status, "reason": which.reason, "source__name": which.source}
    return rows.filter(**{name: value for name, value in asked.items() if value is not None})


@router.get("/handoffs", response={200: Page, **PROBLEMS})
def several(request: HttpRequest, which: Query[Paging]) -> dict[str, Any]:
    """Handoffs in order of id."""
    token = allowed(request, ApiToken.Scope.READ)
    rows = _rows(token, which).select_related("source", "reference").filter(pk__gt=which.after).order_by("pk")
    found = list(rows[: which.limit + 1])
    more = found[which.limit - 1].pk if len(found) > which.limit else None
    return {"handoffs": [HandoffOut.of(handoff) for handoff in found[: which.limit]], "next": more}


@router.get("/handoffs/counts", response={200: Counts, **PROBLEMS})
def counts(request: HttpRequest, which: Query[Filter]) -> dict[str, Any]:
    """How many there are, by status and reason."""
    rows = _rows(allowed(request, ApiToken.Scope.READ), which).values("status", "reason")
    return {"counts": list(rows.annotate(handoffs=Count("pk")).order_by("status", "reason"))}


@router.get("/handoffs/{id}", response={200: HandoffOut, **PROBLEMS})
def one(request: HttpRequest, id: Id) -> dict[str, Any]:
    """One handoff."""
    rows = _rows(allowed(request, ApiToken.Scope.READ)).select_related("source", "reference")
    return HandoffOut.of(get_object_or_404(rows, pk=id))


@router.post("/handoffs/{id}/requeue", response={200: Done, **PROBLEMS})
def again(request: HttpRequest, id: Id) -> dict[str, Any]:
    """Have it worked on again, unless it was applied."""
    token = allowed(request, ApiToken.Scope.OPERATE)
    return _told(requeue(_exactly(token, id), by=f"token:{token.name}"))


@router.post("/handoffs/{id}/cancel", response={200: Done, **PROBLEMS})
def end(request: HttpRequest, id: Id) -> dict[str, Any]:
    """End it with its run: at once, or before its next stage."""
    token = allowed(request, ApiToken.Scope.OPERATE)
    return _told(cancel_handoffs(_exactly(token, id), by=f"token:{token.name}"))


def _exactly(token: ApiToken, pk: int) -> QuerySet[Handoff]:
    get_object_or_404(_rows(token), pk=pk)
    return Handoff.objects.filter(pk=pk)


def _told(answer: Answer) -> dict[str, Any]:
    done, refused = ({name: list(ids) for name, ids in part.items() if ids} for part in (answer.done, answer.refused))
    return {"done": done, "refused": refused}
