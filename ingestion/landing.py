"""What the apply stage settles: the batches, the runs, their handoffs and references, in one transaction."""

from collections.abc import Sequence

from django.db import DataError, IntegrityError, transaction

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.boarding import Boarding
from ingestion.failing import fail
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done, Failed
from ingestion.progress import Onward
from ledger.failures import Unexpected
from ledger.lifecycle import take
from ledger.reasons import Reason
from patches import apply as applying


def settle(boarding: Boarding, done: Sequence[Done]) -> list[Onward]:
    """Apply the batches and end their runs. A batch that the database refuses fails its own run and no other."""
    applied, refused = _apply(boarding, done)
    fail(refused, stage="apply", by=boarding.worker)
    if applied:
        told = {"reason": Reason.APPLIED, "by": boarding.worker}
        runs = IngestRun.objects.filter(pk__in=[one.item.run_id for one in applied])
        handoffs = Handoff.objects.filter(pk__in=[one.item.handoff_id for one in applied])
        take(
            RUN.step(runs, was={"running"}, to="completed", **told),
            HANDOFF.step(handoffs, was={"ingesting"}, to="ingested", **told),
        )
    return []


def _apply(boarding: Boarding, done: Sequence[Done]) -> tuple[list[Done], list[Failed]]:
    """Apply all at once; only if the database refuses, look for the culprit by halves, each in a savepoint."""
    if not done:
        return [], []
    try:
        with transaction.atomic():
            moved = applying.apply(boarding.reflection_id, [one.result for one in done], by=boarding.worker)
    except (DataError, IntegrityError) as refusal:
        if len(done) == 1:
            return [], [Failed(done[0].item, Unexpected(Reason.UNEXPECTED, type(refusal).__name__), str(refusal))]
        half = len(done) // 2
        first, second = _apply(boarding, done[:half]), _apply(boarding, done[half:])
        return first[0] + second[0], first[1] + second[1]
    left = [one for one in done if one.result.batch_id not in moved]
    return (
        [one for one in done if one.result.batch_id in moved],
        [Failed(one.item, Unexpected(Reason.GATE_REJECTED, "its batch is not approved any more")) for one in left],
    )
