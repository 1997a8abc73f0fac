"""Take a flight's runs through one stage: board, work, settle.

Boarding and settling are two short transactions with the work between them. Both take the flight's row first: boarding
raises its fence, settling compares it, so of two workers on one stage only the later to board can write.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from structlog.contextvars import bound_contextvars

from handoffs import consent
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import claims, failing, landing, proposals, stages, usage
from ingestion.adapters import chosen_traces
from ingestion.boarding import Boarding, board, hand_back, leave
from ingestion.heartbeat import beating
from ingestion.lifecycles import FLIGHT
from ingestion.loading import complete
from ingestion.models import Flight
from ingestion.outcomes import Done, Failed, Item, Outcome
from ingestion.progress import Onward, Settled, keep, move_on, take_all
from ingestion.stopping import heed
from ingestion.tracebacks import redacted
from ingestion.traceparents import trace_of
from ledger.crashpoints import reached
from ledger.failures import Failure, Unexpected
from ledger.reasons import Reason
from patches.apply import lock

log = structlog.get_logger(__name__)

Settlement = Callable[[Boarding, Sequence[Done]], Settled]


def pass_on(boarding: Boarding, done: Sequence[Done]) -> Settled:
    return Settled([Onward(one, boarding.next) for one in done])


# What a stage does in its settling transaction beside storing outputs and moving runs on.
SETTLEMENTS: Mapping[str, Settlement] = {
    "fetch": claims.settle,
    "fact": proposals.settle_draft,
    "eval": proposals.settle_judgement,
    "apply": landing.settle,
}


def advance(flight_id: int, stage: str, *, worker: str) -> bool:
    """Take the flight through one stage; False when it is not ours to take, or nobody is left aboard."""
    work = stages.table()[stage]
    with transaction.atomic(durable=True):
        boarded = board(flight_id, stage, worker=worker, needs=work.needs)
        if boarded is None:
            return False
        boarding, items = boarded.hold, boarded.items
        if boarded.asked_to_stop and not heed(boarded):
            return False
        if boarded.coming:
            coming = Handoff.objects.filter(pk__in=boarded.coming)
            HANDOFF.move(coming, was={"queued"}, to="ingesting", reason=Reason.STARTED, by=worker)
    reached(f"{stage}.boarded")
    try:
        told: dict[str, Any] = {"flight": flight_id, "stage": stage, "source": boarding.source_id}
        with (
            bound_contextvars(trace=trace_of(boarding.traceparent), **told),
            chosen_traces().span(f"stage {stage}", parent=boarding.traceparent, runs=len(items), **told) as span,
        ):
            with beating(boarding):
                found = outcomes(work, complete(items, work, boarding))
            span.note(failed=sum(isinstance(one, Failed) for one in found))
            return settle_or_single_out(boarding, work, found)
    except (OperationalError, InterfaceError):
        # the database ended the transaction, a deadlock or a restart: nobody aboard is to blame
        connection.close()
        hand_back(boarding)
        raise


def settle_or_single_out(boarding: Boarding, work: stages.StageWork, found: Sequence[Outcome]) -> bool:
    """Settle; if the store refuses what is written, settle again: of what apply writes only the refused one fails.

    Elsewhere a refusal means that another transaction came in between, which is seen the second time.
    """
    settlement = SETTLEMENTS.get(boarding.stage, pass_on)
    try:
        return settle(boarding, work, found, settlement)
    except landing.REFUSALS as refusal:
        log.warning("the store refused a flight", flight=boarding.flight_id, error=type(refusal).__name__)
        again = landing.settle_singly if settlement is landing.settle else settlement
        return settle(boarding, work, found, again)


def outcomes(work: stages.StageWork, items: Sequence[Item]) -> list[Outcome]:
    """Let the stage work on the items; an item that breaks it fails alone.

    A Failure that the stage raises is of the surroundings and concerns them all. Anything else is a bug: the items are
    halved until the one is found that calls it forth.
    """
    if not items:
        return []
    try:
        return list(work.process(items))
    except Failure as failure:
        return [Failed(item, failure) for item in items]
    except Exception as bug:  # the one place: recorded with its traceback, never swallowed
        if len(items) == 1:
            return [Failed(items[0], Unexpected(Reason.UNEXPECTED, type(bug).__name__), redacted(bug))]
    half = len(items) // 2
    return outcomes(work, items[:half]) + outcomes(work, items[half:])


def settle(boarding: Boarding, work: stages.StageWork, found: Sequence[Outcome], settlement: Settlement) -> bool:
    """Write what the stage found, if the lease still holds; False when the chain need not go on."""
    with transaction.atomic(durable=True):
        if boarding.stage == stages.ORDER[-1]:
            lock(boarding.reflection_id)  # before any row: applies wait for each other here
        aboard = leave(boarding)
        if aboard is None:
            log.warning("lease lost", flight=boarding.flight_id, stage=boarding.stage)
            return False
        if aboard.withdrawn and consent.ended([boarding.source_id]):  # it may have been given anew meanwhile
            found = [Failed(one.item, consent.missing(boarding.source_id), spent=one.spent) for one in found]
        done = [one for one in found if isinstance(one, Done) and one.item.run_id in aboard.here]
        settled = settlement(boarding, done)
        failed = [one for one in found if isinstance(one, Failed) and one.item.run_id in aboard.here]
        failed += settled.failed
        move_on(settled.onward, stage=boarding.stage, recipe=work.recipe)
        keep([*(onward.done for onward in settled.onward), *failed], stage=boarding.stage, recipe=work.recipe)
        goes_on = bool(aboard.others) or any(
            onward.to != boarding.stage and not onward.parked for onward in settled.onward
        )
        beside = failing.steps_of(failed, boarding)
        if not goes_on:
            here = Flight.objects.filter(pk=boarding.flight_id)
            told: dict[str, Any] = {"reason": Reason.APPLIED, "by": boarding.worker}
            beside.append(FLIGHT.step(here, was={"open"}, to="landed", lease_until=None, worker="", **told))
        used = usage.taken(boarding, [*done, *failed])
        take_all(settled.steps, must_move=settled.must_move, beside=beside, aside=used)
        reached(f"{boarding.stage}.before_commit")
    reached(f"{boarding.stage}.after_commit")
    log.info("settled", done=len(done), failed=len(failed))
    for one in failed:
        log.warning("run failed", run=one.item.run_id, failure=one.failure.kind, reason=one.failure.reason.value)
    return goes_on
