"""digest_matches: the patches are still the ones that were proposed."""

from patches.evaluation.context import Context, Judged, Measured
from patches.propose import digest_of


def matches(batch: Judged, _: Context) -> Measured:
    return Measured(float(digest_of(batch.patches) != batch.digest))
