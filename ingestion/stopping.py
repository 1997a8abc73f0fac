"""What operators ask of a flight under way: to let a run off, or to stop. Heeded when a worker boards it."""

from collections import defaultdict

from handoffs import consent
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.boarding import Boarded
from ingestion.failing import stop_source
from ingestion.lifecycles import FLIGHT, RUN
from ingestion.models import Flight, IngestRun
from ledger.lifecycle import FromNow, Step, take
from ledger.reasons import Reason


def heed(boarded: Boarded) -> bool:
    """End the runs that were called off; of a paused source let all others wait. False when the flight ends here.

    A source whose consent was withdrawn is paused by that. Needs the transaction in which the flight was boarded.
    """
    asked: dict[str, list[int]] = defaultdict(list)
    for run_id, asked_by in boarded.called_off.items():
        asked[asked_by].append(run_id)
    steps = [step for asked_by, runs in sorted(asked.items()) for step in _let_off(boarded, runs, by=asked_by)]
    stops = boarded.paused or boarded.withdrawn
    take(*steps, *(_stop(boarded) if stops else ()))
    if boarded.withdrawn:
        stop_source(boarded.hold.source_id, consent.missing(boarded.hold.source_id), by=boarded.hold.worker)
    return not stops


def _let_off(boarded: Boarded, runs: list[int], *, by: str) -> list[Step]:
    off = IngestRun.objects.aboard(boarded.hold.flight_id).filter(pk__in=runs)
    handoffs = Handoff.objects.filter(runs__in=runs)
    return [
        RUN.step(off, was={"running"}, to="cancelled", reason=Reason.CANCELLED, by=by, flight=None),
        HANDOFF.step(handoffs, was={"queued", "ingesting"}, to="cancelled", reason=Reason.CANCELLED, by=by),
    ]


def _stop(boarded: Boarded) -> list[Step]:
    hold = boarded.hold
    waiting = IngestRun.objects.aboard(hold.flight_id).exclude(pk__in=boarded.called_off)
    flight = Flight.objects.filter(pk=hold.flight_id)
    paused = Reason.NO_CONSENT if boarded.withdrawn else Reason.PAUSED
    return [
        RUN.step(
            waiting,
            was={"running"},
            to="pending",
            reason=paused,
            by=hold.worker,
            next_attempt_at=FromNow(),
            flight=None,
        ),
        FLIGHT.step(flight, was={"open"}, to="landed", reason=paused, by=hold.worker, lease_until=None, worker=""),
    ]
