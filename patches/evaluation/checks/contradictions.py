"""one_value_at_a_time: a document does not say two things where one can be true, from the same time on."""

from collections import defaultdict

from patches.evaluation.context import Claim, Context, Judged, Measured


def single(batch: Judged, context: Context) -> Measured:
    """Claims of the same subject and start that differ. Of a date, one may say more of the other: 1911 and 1911-05."""
    said: dict[tuple[str, ...], list[tuple[int, Claim]]] = defaultdict(list)
    for n, claim in batch.claims:
        predicate = context.predicates.get(claim["predicate"])
        if predicate is not None and predicate.cardinality == "single":
            said[claim["subject_type"], claim["subject_key"], claim["predicate"], claim["from"] or ""].append(
                (n, claim)
            )
    bad: dict[int, str] = {}
    for claims in said.values():
        keys = sorted({claim["object_key"] for _, claim in claims}, key=len)
        if not all(keys[-1].startswith(key) for key in keys):
            bad |= {n: f"beside {' and '.join(key for key in keys if key != c['object_key'])}" for n, c in claims}
    return Measured.count(bad)
