"""What became of a run, leg by leg: what it waited for, and how long each stage took in each attempt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.utils import timezone
from django.utils.safestring import SafeString

from console.drawing import Stretch, stretches
from ingestion.models import IngestRun
from ingestion.stages import ORDER
from ledger import rendering
from ledger.models import Event

SHOWN = 200  # events and legs
WAITS = {
    "pending": "waits for its turn",
    "retry_wait": "waits to be tried again",
    "in_review": "waits for a reviewer",
    "quarantined": "in quarantine",
}


@dataclass(frozen=True)
class Leg:
    """A stretch of a run's time: waiting, work that was finished, or work that was not."""

    kind: str
    name: str
    began: datetime
    ended: datetime
    says: str = ""


def timeline(run: IngestRun) -> SafeString:
    """The legs on a common axis, one a line, the first at the top; the latest of them, when there are many."""
    found = legs(run)[-SHOWN:]
    start = found[0].began
    whole_s = (found[-1].ended - start).total_seconds()
    return rendering.table(
        ["leg", "over time", "took", "began", "why"],
        [
            (
                one.name,
                stretches([_stretch(one, start)], whole_s),
                rendering.duration((one.ended - one.began).total_seconds()),
                rendering.moment(one.began),
                one.says or "-",
            )
            for one in found
        ],
    )


def _stretch(leg: Leg, start: datetime) -> Stretch:
    began, ended = ((at - start).total_seconds() for at in (leg.began, leg.ended))
    return Stretch(leg.kind, f"{leg.name}: {rendering.duration(ended - began)}", began, ended)


def legs(run: IngestRun) -> list[Leg]:
    """The run's time from when its handoff came in to its end, or to now. Three statements."""
    own = Event.objects.filter(lifecycle="run", row_id=run.pk).order_by("-id")[:SHOWN]
    events = sorted(own, key=lambda event: event.pk)
    boarded = Event.objects.filter(lifecycle="handoff", row_id=run.handoff_id, became="ingesting")
    taken = sorted(boarded.order_by("-id").values_list("at", flat=True)[:SHOWN])
    outputs = sorted(run.outputs.values_list("created_at", "stage"))
    return list(_legs(run, events, taken, outputs))


def _legs(
    run: IngestRun, events: Sequence[Event], taken: Sequence[datetime], outputs: Sequence[tuple[datetime, str]]
) -> Iterator[Leg]:
    if run.handoff.opened == 1:
        yield Leg("wait", "its handoff waits for its turn", run.handoff.created_at, run.created_at)
    states = [(run.created_at, events[0].was if events else run.status, "")]
    states += [(event.at, event.became, event.get_reason_display()) for event in events]
    attempt = max(0, run.deliveries - sum(status == "running" for _, status, _ in states))  # those before what is shown
    ended = states[-1][1] not in {*WAITS, "running"}
    bounds = [*states, (states[-1][0] if ended else timezone.now(), "", "")]
    for (began, status, why), (until, became, _) in pairwise(bounds):
        if status in WAITS:
            yield Leg("trouble" if status == "quarantined" else "wait", WAITS[status], began, until, why)
        elif status == "running":
            attempt += 1
            yield from _attempt(attempt, (began, until), became, taken, outputs)


def _attempt(
    n: int,
    span: tuple[datetime, datetime],
    became: str,
    taken: Sequence[datetime],
    outputs: Sequence[tuple[datetime, str]],
) -> Iterator[Leg]:
    """The stages of one attempt; the last one goes on, did not get through, or applied what the others made."""
    began, until = span
    number = f", attempt {n}" if n > 1 else ""
    left = [(at, stage) for at, stage in outputs if began < at <= until]
    before = [stage for at, stage in outputs if at <= until]
    if boarded := next((at for at in taken if began <= at <= until), None):
        yield Leg("wait", f"waits for a worker{number}", began, boarded)
        began = boarded
    for at, stage in left:
        yield Leg("work", f"{stage}{number}", began, at)
        began = at
    stage = ORDER[min(len(ORDER) - 1, ORDER.index(before[-1]) + 1)] if before else ORDER[0]
    through = became in ("completed", "eval_rejected", "duplicate_skipped", "in_review", "")
    yield Leg("work" if through else "trouble", f"{stage}{number}", began, until)
