"""time_makes_sense: a claim's dates exist, in order, and the date of its document is the document's."""

from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.timeline import instants


def sane(batch: Judged, _: Context) -> Measured:
    return Measured.count({n: why for n, claim in batch.claims if (why := _wrong(batch, claim))})


def _wrong(batch: Judged, claim: Claim) -> str:
    try:
        instants(claim["from"], claim["to"])
        instants(claim["dated"], None)
    except ValueError as problem:
        return str(problem)
    return "" if claim["dated"] in (None, batch.dated) else "not the date of the document"
