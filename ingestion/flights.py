"""Take a flight's runs through one stage: board, work, settle.

Boarding and settling are two short transactions with the work between them. Both take the flight's row first: boarding
raises its fence, settling compares it, so of two workers on one stage only the later to board can write.
"""

import traceback
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import claims, landing, proposals, stages
from ingestion.boarding import Boarding, aboard, board, leave
from ingestion.failing import fail
from ingestion.lifecycles import FLIGHT
from ingestion.loading import load
from ingestion.models import Flight, IngestRun
from ingestion.outcomes import Done, Failed, Item, Outcome
from ingestion.progress import Onward, move_on
from ledger.crashpoints import reached
from ledger.failures import Failure, Unexpected
from ledger.reasons import Reason
from patches.apply import lock

log = structlog.get_logger(__name__)

# What a stage does in its settling transaction beside storing outputs and moving runs on.
SETTLEMENTS = {
    "fetch": claims.settle,
    "fact": proposals.settle_draft,
    "eval": proposals.settle_judgement,
    "apply": landing.settle,
}


def advance(flight_id: int, stage: str, *, worker: str) -> bool:
    """Take the flight through one stage; False when it is not ours to take, or nobody is left aboard."""
    with transaction.atomic(durable=True):
        boarding = board(flight_id, stage, worker=worker)
        if boarding is None:
            return False
        if stage == stages.ORDER[0]:
            coming = Handoff.objects.filter(runs__flight=flight_id, runs__status="running")
            HANDOFF.move(coming, was={"queued"}, to="ingesting", reason=Reason.STARTED, by=worker)
    reached(f"{stage}.boarded")
    work = stages.table()[stage]
    return settle(boarding, work, outcomes(work, load(boarding, work)))


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
            trace = "".join(traceback.format_exception(bug))
            return [Failed(items[0], Unexpected(Reason.UNEXPECTED, type(bug).__name__), trace)]
    half = len(items) // 2
    return outcomes(work, items[:half]) + outcomes(work, items[half:])


def settle(boarding: Boarding, work: stages.StageWork, found: Sequence[Outcome]) -> bool:
    """Write what the stage found, if the lease still holds; False when the chain need not go on."""
    with transaction.atomic(durable=True):
        if boarding.stage == stages.ORDER[-1]:
            lock(boarding.reflection_id)  # before any row: applies wait for each other here
        if not leave(boarding):
            log.warning("lease lost", flight=boarding.flight_id, stage=boarding.stage)
            return False
        here = aboard(boarding)
        done = [outcome for outcome in found if isinstance(outcome, Done) and outcome.item.run_id in here]
        failed = [outcome for outcome in found if isinstance(outcome, Failed) and outcome.item.run_id in here]
        special = SETTLEMENTS.get(boarding.stage)
        going = special(boarding, done) if special else [Onward(one, boarding.next) for one in done]
        move_on(going, stage=boarding.stage, recipe=work.recipe)
        fail(failed, stage=boarding.stage, by=boarding.worker)
        # whoever did not go on may have been the last aboard
        goes_on = len(going) == len(here) > 0 or not land_if_empty(boarding)
        reached(f"{boarding.stage}.before_commit")
    reached(f"{boarding.stage}.after_commit")
    return goes_on


def land_if_empty(boarding: Boarding) -> bool:
    """End the flight if nobody is aboard any more."""
    left = IngestRun.objects.filter(flight=OuterRef("pk"), status="running")
    empty = Flight.objects.filter(~Exists(left), pk=boarding.flight_id)
    told = {"reason": Reason.APPLIED, "by": boarding.worker}
    return bool(FLIGHT.move(empty, was={"open"}, to="landed", lease_until=None, worker="", **told))
