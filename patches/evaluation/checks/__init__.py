"""The gate's checks. A new one is a module here and a line in this table.

A check looks at one batch and its surroundings and answers with a CheckResult: a value, the threshold it was held to,
whether that was met, and the patches that offend. A failed check of `PATCH` scope rejects its offenders; one of `BATCH`
scope rejects the batch.
"""

from collections.abc import Callable, Mapping

from patches.evaluation.checks import digest, identities, most_stand, polarity, quotes, times, vocabulary
from patches.evaluation.result import CheckResult, Judged

Check = Callable[[Judged], CheckResult]

PER_PATCH: Mapping[str, Check] = {
    "quote_is_verbatim": quotes.verbatim,
    "predicate_is_known": vocabulary.known,
    "claim_is_asserted": polarity.asserted,
    "time_makes_sense": times.sane,
}
PER_BATCH: Mapping[str, Check] = {
    "digest_matches": digest.matches,
    "identity_makes_sense": identities.sensible,
    "most_claims_stand": most_stand.share,
}

__all__ = ["PER_BATCH", "PER_PATCH", "CheckResult", "Judged"]
