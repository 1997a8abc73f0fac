"""claim_is_asserted: the text says it as a fact; what it denies, supposes or only reports does not become one."""

from patches.evaluation.result import CheckResult, Judged

ASSERTED = "asserted"


def asserted(batch: Judged) -> CheckResult:
    bad = [n for n, claim in batch.claims() if claim.get("polarity", ASSERTED) != ASSERTED]
    return CheckResult(value=len(bad), threshold=0, passed=not bad, offenders=bad)
