"""The evaluation gate: run every check on a batch and write a verdict that is bound to the batch's digest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ledger import statements
from ledger.lifecycle import take
from ledger.reasons import Reason
from patches.evaluation.checks import PER_BATCH, PER_PATCH, Judged
from patches.lifecycles import BATCH
from patches.models import PatchBatch, Verdict

POLICY = "default-3"

WRITE = """
INSERT INTO patches_verdict (batch_id, digest, decision, policy, checks, rejected)
SELECT batch_id, digest, decision, %(policy)s, checks, ARRAY(SELECT jsonb_array_elements_text(rejected)::int)
FROM unnest(%(batches)s::bigint[], %(digests)s::text[], %(decisions)s::text[], %(checks)b::jsonb[],
            %(rejected)b::jsonb[])
  AS v(batch_id, digest, decision, checks, rejected)
"""


@dataclass(frozen=True)
class Judgement:
    batch_id: int
    digest: str
    decision: Verdict.Decision
    rejected: Sequence[int]
    checks: Mapping[str, Mapping[str, Any]]


def judge(batch_id: int, batch: Judged) -> Judgement:
    """Run the checks; pure. Single patches can be rejected while the batch is approved without them."""
    results = {name: check(batch) for name, check in PER_PATCH.items()}
    rejected = frozenset(n for result in results.values() for n in result.offenders)
    whole = {name: check(replace(batch, rejected=rejected)) for name, check in PER_BATCH.items()}
    passed = all(result.passed for result in whole.values())
    return Judgement(
        batch_id,
        batch.digest,
        Verdict.Decision.APPROVE if passed else Verdict.Decision.REJECT,
        sorted(rejected),
        {name: asdict(result) for name, result in {**results, **whole}.items()},
    )


def record(judgements: Sequence[Judgement], *, by: str) -> tuple[list[int], list[int]]:
    """Write the verdicts and move the batches; return the ids approved and the ids rejected. Needs a transaction."""
    if not judgements:
        return [], []
    statements.run(
        WRITE,
        {
            "policy": POLICY,
            "batches": [judgement.batch_id for judgement in judgements],
            "digests": [judgement.digest for judgement in judgements],
            "decisions": [judgement.decision for judgement in judgements],
            "checks": [json.dumps(judgement.checks) for judgement in judgements],
            "rejected": [json.dumps(list(judgement.rejected)) for judgement in judgements],
        },
    )
    passed = [judgement for judgement in judgements if judgement.decision == Verdict.Decision.APPROVE]
    failed = [judgement for judgement in judgements if judgement.decision == Verdict.Decision.REJECT]
    approved, rejected = take(
        BATCH.step(
            # only what was judged: a batch with another digest needs a verdict of its own
            PatchBatch.objects.filter(pk__in=[judgement.batch_id for judgement in passed]).filter(
                digest__in=[judgement.digest for judgement in passed]
            ),
            was={"proposed", "in_review"},
            to="approved",
            reason=Reason.CHECKS_PASSED,
            by=by,
            approved_digest={judgement.batch_id: judgement.digest for judgement in passed},
        ),
        BATCH.step(
            PatchBatch.objects.filter(pk__in=[judgement.batch_id for judgement in failed]),
            was={"proposed", "in_review"},
            to="rejected",
            reason=Reason.GATE_REJECTED,
            by=by,
        ),
    )
    return approved, rejected
