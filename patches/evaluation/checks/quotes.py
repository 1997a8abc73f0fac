"""quote_is_verbatim: the words of a claim stand in the document, where it says they do."""

from patches.evaluation.result import CheckResult, Judged


def verbatim(batch: Judged) -> CheckResult:
    bad = [
        n
        for n, claim in batch.claims()
        if not claim["quote"].strip() or batch.text[claim["start"] : claim["end"]] != claim["quote"]
    ]
    return CheckResult(value=len(bad), threshold=0, passed=not bad, offenders=bad)
