"""predicate_is_known: the predicate is registered, subject and object are of its types, and both have a name."""

from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.rules import Vocabulary


def known(batch: Judged, context: Context) -> Measured:
    return Measured.count({n: why for n, claim in batch.claims if (why := _wrong(context.predicates, claim))})


def _wrong(predicates: Vocabulary, claim: Claim) -> str:
    predicate = predicates.get(claim["predicate"])
    if predicate is None:
        return f"no such predicate: {claim['predicate']}"
    if claim["subject_type"] not in predicate.subject_types:
        return f"{claim['predicate']} is not said of a {claim['subject_type']}"
    if claim["object_type"] not in predicate.object_types:
        return f"{claim['predicate']} has no {claim['object_type']} as its value"
    return "" if claim["subject_key"] and claim["object_key"] else "without a name"
