"""What the fact and eval stages settle: a batch per content, and the verdict on it."""

from collections.abc import Sequence

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done
from ingestion.progress import Onward
from ledger.lifecycle import take
from ledger.reasons import Reason
from patches.judge import record
from patches.propose import Draft, propose


def settle_draft(boarding: Boarding, done: Sequence[Done]) -> list[Onward]:
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
    return [Onward(one, boarding.next, batch_id=batches[one.item.content_hash]) for one in done]


def settle_judgement(boarding: Boarding, done: Sequence[Done]) -> list[Onward]:
    """Write the verdicts; what the gate rejects goes no further."""
    _, rejected = record([one.result for one in done], by=boarding.worker)
    if rejected:
        ended = [one.item for one in done if one.item.batch_id in rejected]
        take(
            RUN.step(
                IngestRun.objects.filter(pk__in=[item.run_id for item in ended]),
                was={"running"},
                to="eval_rejected",
                reason=Reason.GATE_REJECTED,
                by=boarding.worker,
            ),
            HANDOFF.step(
                Handoff.objects.filter(pk__in=[item.handoff_id for item in ended]),
                was={"ingesting"},
                to="rejected",
                reason=Reason.GATE_REJECTED,
                by=boarding.worker,
            ),
        )
    return [Onward(one, boarding.next) for one in done if one.item.batch_id not in rejected]
