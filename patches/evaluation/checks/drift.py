"""Whether a document is unlike what its source has brought of late."""

from collections.abc import Mapping, Sequence
from math import log, sqrt

from patches.evaluation.context import Context, Judged, Measured

DOCUMENTS, CLAIMS_HERE, CLAIMS_THERE = 20, 50, 200  # fewer of them say nothing of a drift
RARE = 0.01  # the share that a predicate is counted with at least


def vectors(batch: Judged, _: Context) -> Measured:
    """vectors_are_whole: every passage has a vector of unit length."""
    missing = batch.vectors.missing
    return Measured(missing or batch.vectors.deviation, note=f"{missing} without" if missing else "")


def passages(batch: Judged, context: Context) -> Measured:
    """size_is_usual: the document's passages, as a multiple of those of the largest recent one."""
    known = context.baseline.passages
    return Measured(len(batch.spans) / max(*known, 1) if len(known) >= DOCUMENTS else 0.0)


def predicates(batch: Judged, context: Context) -> Measured:
    """claims_are_usual: how far the mix of predicates is from the recent one (population stability index)."""
    here: dict[str, int] = {}
    for _, claim in batch.claims:
        here[claim["predicate"]] = here.get(claim["predicate"], 0) + 1
    there = context.baseline.predicates
    enough = sum(here.values()) >= CLAIMS_HERE and sum(there.values()) >= CLAIMS_THERE
    return Measured(stability(here, there) if enough else 0.0)


def meaning(batch: Judged, context: Context) -> Measured:
    """subject_is_usual: the distance (1 - cosine) of its mean vector from that of the recent documents."""
    here, there = batch.vectors.centroid, context.baseline.centroid
    enough = len(context.baseline.passages) >= DOCUMENTS and len(here) == len(there) and here
    return Measured(1 - cosine(here, there) if enough else 0.0)


def stability(here: Mapping[str, int], there: Mapping[str, int]) -> float:
    """The population stability index of two counts: 0 for the same mix, above 0.2 by common reckoning a shift."""
    all_here, all_there = sum(here.values()), sum(there.values())
    total = 0.0
    for name in {*here, *there}:
        p, q = max(here.get(name, 0) / all_here, RARE), max(there.get(name, 0) / all_there, RARE)
        total += (p - q) * log(p / q)
    return total


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = sqrt(sum(x * x for x in one)) * sqrt(sum(x * x for x in other))
    return sum(x * y for x, y in zip(one, other, strict=True)) / lengths if lengths else 0.0
