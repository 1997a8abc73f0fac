"""identity_makes_sense: two entities that are taken for one are two, and of one kind."""

from patches.evaluation.result import CheckResult, Judged


def sensible(batch: Judged) -> CheckResult:
    merges = [(n, payload) for n, (op, payload) in enumerate(batch.patches) if op == "merge_entity"]
    bad = [n for n, said in merges if said["entity"] == said["into"] or said["type"] != said["into_type"]]
    return CheckResult(value=len(bad), threshold=0, passed=not bad, offenders=bad)
