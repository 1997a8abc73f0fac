"""What the fact and eval stages settle: a batch per content, and the verdict on it."""

from collections.abc import Sequence
from typing import Any

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done
from ingestion.progress import Onward, Settled
from ledger.reasons import Reason
from patches.evaluation.judge import record
from patches.propose import Draft, propose


def settle_draft(boarding: Boarding, done: Sequence[Done]) -> Settled:
    """Write each content's batch; the claim on the content makes sure that it has none yet."""
    drafts = [
        Draft(
            boarding.reflection_id,
            boarding.source_id,
            one.item.content_hash,
            one.item.outputs["fetch"]["title"],
            one.result,
        )
        for one in done
    ]
    batches = propose(drafts, recipe=stages.pipeline_recipe())
    return Settled([Onward(one, boarding.next, batch_id=batches[one.item.content_hash]) for one in done])


def settle_judgement(boarding: Boarding, done: Sequence[Done]) -> Settled:
    """Write the verdicts; what the gate rejects goes no further."""
    _, rejected = record([one.result for one in done], by=boarding.worker)
    ended = [one.item for one in done if one.item.batch_id in rejected]
    told: dict[str, Any] = {"reason": Reason.GATE_REJECTED, "by": boarding.worker}
    runs = IngestRun.objects.filter(pk__in=[item.run_id for item in ended])
    handoffs = Handoff.objects.filter(pk__in=[item.handoff_id for item in ended])
    steps = [
        RUN.step(runs, was={"running"}, to="eval_rejected", **told),
        HANDOFF.step(handoffs, was={"ingesting"}, to="rejected", **told),
    ]
    going = [Onward(one, boarding.next) for one in done if one.item.batch_id not in rejected]
    return Settled(going, steps if ended else [])
