"""Whose word counts how much."""

from patches.evaluation.context import Context, Judged, Measured

HIGHEST = 2


def outranked(_: Judged, context: Context) -> Measured:
    """no_better_source_is_overruled: what a more trusted source says is not ended by a less trusted one."""
    return Measured.count(context.change.outranked)


def distance(batch: Judged, _: Context) -> Measured:
    """source_is_trusted: how many tiers the document's source is below the highest."""
    return Measured(HIGHEST - batch.trust)
