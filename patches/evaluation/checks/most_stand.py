"""most_claims_stand: a batch most of whose asserted claims were rejected was misread, and teaches nothing."""

from patches.evaluation.checks.polarity import ASSERTED
from patches.evaluation.result import CheckResult, Judged

LARGEST_SHARE = 0.5
FEWEST = 4  # below this a share says little


def share(batch: Judged) -> CheckResult:
    claims = [n for n, claim in batch.claims() if claim.get("polarity", ASSERTED) == ASSERTED]
    rejected = [n for n in claims if n in batch.rejected]
    value = len(rejected) / len(claims) if claims else 0.0
    passed = len(rejected) < FEWEST or value <= LARGEST_SHARE
    return CheckResult(value=value, threshold=LARGEST_SHARE, passed=passed, offenders=rejected)
