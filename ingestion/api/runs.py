"""GET /runs/{id}: a run with its timeline, and why it is where it is."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema

from handoffs.models import ApiToken
from ingestion.api.access import allowed
from ingestion.api.handoffs import Id
from ingestion.api.problems import PROBLEMS
from ingestion.explain import explain
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ledger.models import Event

router = Router(tags=["runs"])


class Happened(Schema):
    at: datetime
    was: str
    became: str
    reason: str
    by: str


class Why(Schema):
    cause: str
    says: str


class RunOut(Schema):
    id: int
    handoff_id: int
    status: str
    reason: str
    stage: str
    attempts: int
    failure: str
    detail: str
    since: datetime
    next_attempt_at: datetime | None
    timeline: list[Happened]
    why: list[Why]


@router.get("/runs/{id}", response={200: RunOut, **PROBLEMS})
def one(request: HttpRequest, id: Id) -> dict[str, Any]:
    """One run."""
    token = allowed(request, ApiToken.Scope.READ)
    run = get_object_or_404(IngestRun, pk=id, reflection=token.reflection)
    names = ("id", "handoff_id", "status", "reason", "stage", "attempts", "failure", "detail", "since")
    events = Event.objects.filter(lifecycle=RUN.name, row_id=run.pk).order_by("pk")
    return {
        **{name: getattr(run, name) for name in (*names, "next_attempt_at")},
        "timeline": list(events.values("at", "was", "became", "reason", "by")),
        "why": [{"cause": cause.name, "says": cause.says} for cause in explain(run.pk)],
    }
