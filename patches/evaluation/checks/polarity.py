"""claim_is_asserted: what a text denies, doubts or only reports is kept out of the facts."""

from patches.evaluation.context import Context, Judged, Measured

ASSERTED = "asserted"


def asserted(batch: Judged, _: Context) -> Measured:
    found = {n: claim.get("polarity", ASSERTED) for n, claim in batch.claims}
    return Measured.count({n: str(polarity) for n, polarity in found.items() if polarity != ASSERTED})
