"""A run in plain values: what it is, what it took, why it is where it is, and what happened to it."""

from dataclasses import asdict
from typing import Any

from django.db.models import Sum

from ingestion.explain import explain
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.traceparents import trace_of
from ingestion.usage import of_run
from ledger.models import Event

RELATED = ("source__reflection", "handoff__reference", "flight")  # what is looked at beside the run


def line(run: IngestRun) -> dict[str, Any]:
    """What a list tells of a run."""
    return {
        "id": run.pk,
        "status": run.status,
        "reason": run.reason,
        "stage": run.stage,
        "source": str(run.source),
        "item": run.handoff.reference.external_id,
        "attempts": run.attempts,
        "since": run.since,
    }


def _spent(run: IngestRun) -> list[dict[str, Any]]:
    """What the run cost at each stage that asked a paid model, over all its attempts."""
    sums = (Sum(name) for name in ("input_tokens", "output_tokens", "cost"))
    names = ("stage", "recipe", "input_tokens", "output_tokens", "cost")
    grouped = run.spendings.order_by("stage", "recipe").values_list("stage", "recipe").annotate(*sums)
    return [dict(zip(names, row, strict=True)) for row in grouped]


def whole(run: IngestRun) -> dict[str, Any]:
    """All that there is to tell of a run. A constant number of statements."""
    events = Event.objects.filter(lifecycle=RUN.name, row_id=run.pk).order_by("pk")
    more = (
        "failure",
        "detail",
        "deliveries",
        "crashes",
        "next_attempt_at",
        "cancel_requested",
        "content_hash",
        "answered",
    )
    ids = ("handoff_id", "flight_id", "batch_id", "duplicate_of_id", "waits_for_id")
    return {
        **line(run),
        "size_bytes": run.handoff.size_bytes,
        "trace": trace_of(run.handoff.traceparent or (run.flight.traceparent if run.flight else "")),
        **{name: getattr(run, name) for name in (*more, *ids)},
        "stages_done": sorted(run.outputs.values_list("stage", flat=True)),
        "used": [asdict(used) for used in of_run(run.pk)],
        "spent": _spent(run),
        "why": [{"cause": cause.name, "says": cause.says} for cause in explain(run.pk)],
        "events": list(events.values("at", "was", "became", "reason", "by", "note")),
    }
