"""How much a document would take away from what is known."""

from patches.evaluation.context import Context, Judged, Measured

FEW = 5  # facts; below this a share of them says little


def closed(_: Judged, context: Context) -> Measured:
    """few_facts_close: the facts that would not hold any more for all of their time."""
    return Measured(len(context.change.lost))


def share(_: Judged, context: Context) -> Measured:
    """few_of_all_facts_close: the same, as a share of all open facts (of the first 10,000)."""
    lost = len(context.change.lost)
    return Measured(lost / max(context.open_facts, lost) if lost > FEW else 0.0)
