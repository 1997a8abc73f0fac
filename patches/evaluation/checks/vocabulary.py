"""predicate_is_known: the predicate is registered, and subject and object are of its types."""

from collections.abc import Mapping
from typing import Any

from patches.evaluation.result import CheckResult, Judged


def known(batch: Judged) -> CheckResult:
    bad = [n for n, claim in batch.claims() if not _fits(batch, claim)]
    return CheckResult(value=len(bad), threshold=0, passed=not bad, offenders=bad)


def _fits(batch: Judged, claim: Mapping[str, Any]) -> bool:
    predicate = batch.predicates.get(claim["predicate"])
    return (
        predicate is not None
        and claim["subject_type"] in predicate.subject_types
        and claim["object_type"] in predicate.object_types
        and bool(claim["subject_key"])
        and bool(claim["object_key"])
    )
