"""most_claims_stand: a batch most of whose claims were rejected was misread, and teaches nothing."""

from patches.evaluation.result import CheckResult, Judged

LARGEST_SHARE = 0.5
FEWEST = 4  # below this a share says little


def share(batch: Judged) -> CheckResult:
    claims = batch.claims()
    rejected = [n for n, _ in claims if n in batch.rejected]
    value = len(rejected) / len(claims) if claims else 0.0
    passed = len(rejected) < FEWEST or value <= LARGEST_SHARE
    return CheckResult(value=value, threshold=LARGEST_SHARE, passed=passed, offenders=rejected)
