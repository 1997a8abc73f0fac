"""time_makes_sense: the dates of a claim and of its document exist, and it does not end before it starts."""

from collections.abc import Mapping
from typing import Any

from patches.evaluation.result import CheckResult, Judged
from patches.timeline import instants


def sane(batch: Judged) -> CheckResult:
    bad = [n for n, claim in batch.claims() if not _possible(claim)]
    return CheckResult(value=len(bad), threshold=0, passed=not bad, offenders=bad)


def _possible(claim: Mapping[str, Any]) -> bool:
    try:
        instants(claim["from"], claim["to"])
        instants(claim["dated"], None)
    except ValueError:
        return False
    return True
