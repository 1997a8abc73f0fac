"""Write what was decided: a verdict for each batch, and the steps that follow from it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from ledger import statements
from ledger.lifecycle import Step
from ledger.reasons import Reason
from patches.evaluation.judging import RECIPE, Judgement
from patches.lifecycles import BATCH
from patches.models import PatchBatch, Verdict
from patches.models.batches import GATE

# Only what is still to be judged gets a verdict, and only on the digest that was judged. The batches are locked, so
# that the steps which follow in the same transaction find them as they were seen.
WRITE = """
WITH given AS (
  SELECT * FROM unnest(%(batches)s::bigint[], %(digests)s::text[], %(decisions)s::text[], %(policies)s::text[],
                       %(policy_digests)s::text[], %(seqs)s::bigint[], %(checks)b::jsonb[], %(rejected)s::jsonb[],
                       %(held)s::jsonb[])
    AS g(batch_id, digest, decision, policy, policy_digest, seq, checks, rejected, held)
),
open AS MATERIALIZED (
  SELECT b.id, b.digest, b.status FROM patches_patchbatch b
  WHERE b.id = ANY(%(batches)s) AND b.status IN ('proposed', 'in_review') ORDER BY b.id FOR UPDATE
)
INSERT INTO patches_verdict (batch_id, digest, decision, policy, policy_digest, recipe, seq, checks, rejected, held, by,
                             why)
SELECT given.batch_id, given.digest, decision, policy, policy_digest, %(recipe)s, seq, checks,
       ARRAY(SELECT jsonb_array_elements_text(rejected)::int), ARRAY(SELECT jsonb_array_elements_text(held)::int),
       %(by)s, %(why)s
FROM given JOIN open ON open.id = given.batch_id AND open.digest = given.digest
ORDER BY given.batch_id RETURNING batch_id
"""


@dataclass(frozen=True)
class Recorded:
    """The batches that have a new verdict, by its decision, and the steps to take for them in the same transaction."""

    approved: frozenset[int] = frozenset()
    review: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()
    steps: list[Step] = field(default_factory=list)


def record(judgements: Sequence[Judgement], *, by: str) -> Recorded:
    """Write the gate's verdicts, one statement; return what they decided. Needs a transaction.

    A batch that is not to be judged any more, or whose patches are not those that were judged, is in no set.
    """
    if not judgements:
        return Recorded()
    known = written(judgements)
    found = {
        decision: frozenset(one.batch_id for one in judgements if one.decision == decision and one.batch_id in known)
        for decision in Verdict.Decision
    }
    approved, review, rejected = (found[Verdict.Decision(name)] for name in ("approve", "review", "reject"))
    digests = {one.batch_id: one.digest for one in judgements if one.batch_id in approved}
    waiting = {"proposed", "in_review"}
    steps = [
        BATCH.step(batches(approved), was=waiting, to="approved", reason=Reason.CHECKS_PASSED, by=by,
                   approved_digest=digests),
        BATCH.step(batches(review), was={"proposed"}, to="in_review", reason=Reason.NEEDS_REVIEW, by=by),
        BATCH.step(batches(rejected), was=waiting, to="rejected", reason=Reason.GATE_REJECTED, by=by),
    ]  # fmt: skip
    moving = [step for step, found_ in zip(steps, (approved, review, rejected), strict=True) if found_]
    return Recorded(approved, review, rejected, moving)


def written(judgements: Sequence[Judgement], *, by: str = GATE, why: str = "") -> frozenset[int]:
    """Insert the verdicts; return the batches that got one. Locks them. Needs a transaction."""
    found = statements.rows(
        WRITE,
        {
            "batches": [one.batch_id for one in judgements],
            "digests": [one.digest for one in judgements],
            "decisions": [one.decision for one in judgements],
            "policies": [one.policy.label for one in judgements],
            "policy_digests": [one.policy.digest for one in judgements],
            "seqs": [one.seq for one in judgements],
            "checks": [json.dumps(one.told()) for one in judgements],
            "rejected": [json.dumps(list(one.rejected)) for one in judgements],
            "held": [json.dumps(list(one.held)) for one in judgements],
            "recipe": RECIPE,
            "by": by,
            "why": why,
        },
    )
    return frozenset(batch_id for (batch_id,) in found)


def batches(ids: frozenset[int]) -> QuerySet[PatchBatch]:
    return PatchBatch.objects.filter(pk__in=sorted(ids))
