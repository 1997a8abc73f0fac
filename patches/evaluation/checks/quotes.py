"""quote_is_verbatim: the words of a claim stand in the document, where it says they do."""

from patches.evaluation.context import Context, Judged, Measured


def verbatim(batch: Judged, _: Context) -> Measured:
    bad = {
        n: "not the words that stand there" if claim["quote"].strip() else "no words"
        for n, claim in batch.claims
        if not claim["quote"].strip()
        or claim["start"] < 0
        or batch.text[claim["start"] : claim["end"]] != claim["quote"]
    }
    return Measured.count(bad)
