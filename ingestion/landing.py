"""What the apply stage settles: the batches, the runs and their handoffs, in one transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import DataError, IntegrityError, transaction

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done, Failed
from ingestion.passages import VECTORS
from ingestion.progress import Settled, Unmoved, take_all
from ingestion.tracebacks import redacted
from ledger.failures import Unexpected
from ledger.lifecycle import Step
from ledger.reasons import Reason
from patches import apply as applying
from patches.models import PatchBatch

REFUSALS = (DataError, IntegrityError, Unmoved)
# What became of a batch since its run was looked at: a person's word, and no fault of the run.
TURNED_DOWN = {"reverted": Reason.REVERTED, "rejected": Reason.GATE_REJECTED}


def settle(boarding: Boarding, done: Sequence[Done]) -> Settled:
    """Apply the batches and end their runs, all at once. One of REFUSALS if the store does not take one of them.

    A batch whose approval was withdrawn since it was looked at does not move, and with it nothing does.
    """
    return Settled(steps=_steps(boarding, done), must_move=3 * len(done)) if done else Settled()


def settle_singly(boarding: Boarding, done: Sequence[Done]) -> Settled:
    """Apply what can be applied: by halves, each in a savepoint, find what the store refuses and fail that alone.

    One whose batch was rejected or reverted meanwhile ends as rejected.
    """
    try:
        with transaction.atomic():
            settled = settle(boarding, done)
            take_all(settled.steps, must_move=settled.must_move)
    except REFUSALS as refusal:
        if len(done) == 1:
            if status := _turned_down(done[0]):
                return Settled(steps=_ends(boarding, done, "eval_rejected", "rejected", TURNED_DOWN[status]))
            failure = Unexpected(Reason.UNEXPECTED, type(refusal).__name__)
            return Settled(failed=[Failed(done[0].item, failure, redacted(refusal))])
    else:
        return Settled()
    half = len(done) // 2
    first, second = settle_singly(boarding, done[:half]), settle_singly(boarding, done[half:])
    return Settled(steps=[*first.steps, *second.steps], failed=[*first.failed, *second.failed])


def _turned_down(one: Done) -> str | None:
    batches = PatchBatch.objects.filter(pk=one.result.batch_id, status__in=list(TURNED_DOWN))
    return batches.values_list("status", flat=True).first()


def _steps(boarding: Boarding, done: Sequence[Done]) -> list[Step]:
    """Write the knowledge; return the moves of the batches, their runs and their handoffs."""
    vectors = (VECTORS, {"embed_recipe": stages.recipes()["embed"]})
    applied = applying.apply(boarding.reflection_id, [one.result for one in done], vectors=vectors, by=boarding.worker)
    return [*applied.steps, *_ends(boarding, done, "completed", "ingested", Reason.APPLIED)]


def _ends(boarding: Boarding, done: Sequence[Done], run_to: str, handoff_to: str, reason: Reason) -> list[Step]:
    told: dict[str, Any] = {"reason": reason, "by": boarding.worker}
    runs = IngestRun.objects.filter(pk__in=[one.item.run_id for one in done])
    handoffs = Handoff.objects.filter(pk__in=[one.item.handoff_id for one in done])
    return [
        RUN.step(runs, was={"running"}, to=run_to, **told),
        HANDOFF.step(handoffs, was={"ingesting"}, to=handoff_to, **told),
    ]
