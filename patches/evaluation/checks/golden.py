"""What the reflection has to go on answering."""

from collections.abc import Sequence

from patches.evaluation.context import Context, Judged, Measured

NAMED = 5


def recall(_: Judged, context: Context) -> Measured:
    """golden_recall_holds: what golden questions would lose of their documents among the first k, in the mean."""
    return Measured(context.golden.recall, note=_names(context.golden.worse))


def rank(_: Judged, context: Context) -> Measured:
    """golden_rank_holds: what they would lose of the mean reciprocal rank of the first such document."""
    return Measured(context.golden.reciprocal, note=_names(context.golden.worse))


def facts(_: Judged, context: Context) -> Measured:
    """golden_facts_stay: the golden facts that would not hold any more."""
    return Measured(len(context.golden.lost), note=_names(context.golden.lost))


def _names(texts: Sequence[str]) -> str:
    return "; ".join(texts[:NAMED])
