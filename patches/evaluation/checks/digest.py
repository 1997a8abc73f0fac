"""digest_matches: the patches are still the ones that were proposed."""

from patches.evaluation.result import CheckResult, Judged
from patches.propose import digest_of


def matches(batch: Judged) -> CheckResult:
    same = digest_of(batch.patches) == batch.digest
    return CheckResult(value=float(not same), threshold=0, passed=same)
