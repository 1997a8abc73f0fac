"""no_likely_orders: no sentence that reads like an order to a model, in whatever words."""

from patches.evaluation.context import Context, Judged, Measured
from patches.evaluation.orders.likelihood import likeliest


def likely(batch: Judged, _: Context) -> Measured:
    """The likelihood of the likeliest, and where it begins; never its words."""
    found = likeliest(batch.text)
    if found is None:
        return Measured(0)
    value = round(found.likelihood, 3)
    return Measured(value, note=f"at character {found.start}: {', '.join(found.signs)}")
