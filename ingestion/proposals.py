"""What the fact and eval stages settle: a batch per content, and the verdict on it."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from handoffs.lifecycles import HANDOFF, WAITING
from handoffs.models import Handoff
from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done, Item
from ingestion.progress import Onward, Settled
from ledger.lifecycle import Step
from ledger.reasons import Reason
from patches.evaluation.verdicts import record
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
    """Write the verdicts. What the gate rejects goes no further; where it asks a person, the run waits before apply."""
    recorded = record([one.result for one in done], by=boarding.worker)
    going = [
        Onward(one, boarding.next, parked=one.item.batch_id in recorded.review)
        for one in done
        if one.item.batch_id not in recorded.rejected
    ]
    review = [one.item for one in done if one.item.batch_id in recorded.review]
    rejected = [one.item for one in done if one.item.batch_id in recorded.rejected]
    told: dict[str, Any] = {"reason": Reason.GATE_REJECTED, "by": boarding.worker}
    steps = [*recorded.steps, *(_parked(review, by=boarding.worker) if review else ())]
    if rejected:
        runs, handoffs = _rows(rejected)
        steps.append(RUN.step(runs, was={"running"}, to="eval_rejected", **told))
        steps.append(HANDOFF.step(handoffs, was={"ingesting"}, to="rejected", **told))
    return Settled(going, steps)


def _parked(items: Sequence[Item], *, by: str) -> list[Step]:
    """Have the runs wait for a person, with their handoffs; but not for what a newer payload has taken over already."""
    waiting = Handoff.objects.filter(reference=OuterRef("reference"), status__in=WAITING)
    runs, handoffs = _rows(items)
    newer = Exists(Handoff.objects.filter(pk=OuterRef("handoff")).filter(Exists(waiting)))
    told: dict[str, Any] = {"reason": Reason.NEEDS_REVIEW, "by": by}
    over: dict[str, Any] = {"reason": Reason.NEWER_PAYLOAD, "by": by}
    return [
        RUN.step(runs.filter(~newer), was={"running"}, to="in_review", flight=None, **told),
        HANDOFF.step(handoffs.filter(~Exists(waiting)), was={"ingesting"}, to="held", **told),
        RUN.step(runs.filter(newer), was={"running"}, to="cancelled", flight=None, **over),
        HANDOFF.step(handoffs.filter(Exists(waiting)), was={"ingesting"}, to="superseded", **over),
    ]


def _rows(items: Sequence[Item]) -> tuple[QuerySet[IngestRun], QuerySet[Handoff]]:
    runs = IngestRun.objects.filter(pk__in=[item.run_id for item in items])
    return runs, Handoff.objects.filter(pk__in=[item.handoff_id for item in items])
