"""Batches before the gate: one good claim, and a second one as the test says it."""

from collections.abc import Mapping
from typing import Any

from patches.evaluation.context import Context, Judged
from patches.evaluation.judging import Judgement, examine, judge
from patches.evaluation.policy import DEFAULT, Policy
from patches.evaluation.shadow import Shadow
from patches.predicates_seed import SEED
from patches.propose import digest_of
from patches.rules import Rule, Vocabulary

TEXT = "Ann has led Acme since 2011. Bob led Acme until 2010. Eve works for Bolt."
GOOD: Mapping[str, Any] = {
    "predicate": "led_by",
    "subject": "Acme",
    "subject_type": "organization",
    "subject_key": "acme",
    "object": "Ann",
    "object_type": "person",
    "object_key": "ann",
    "from": "2011",
    "to": None,
    "dated": None,
    "polarity": "asserted",
    "quote": "Ann has led Acme since 2011.",
    "start": 0,
    "end": 28,
}
VOCABULARY: Vocabulary = {p.name: Rule(p.cardinality, p.subject_types, p.object_types) for p in SEED}


def batch(*patches: tuple[str, Mapping[str, Any]], text: str = TEXT, **fields: Any) -> Judged:
    return Judged(fields.pop("batch_id", 1), digest_of(patches), text, patches, **fields)


def with_claim(**claim: Any) -> Judged:
    """A document with a good claim, patch 1, and another one, patch 2."""
    return batch(("put_passages", {"spans": []}), ("assert_fact", GOOD), ("assert_fact", {**GOOD, **claim}))


def said(quote: str, **claim: Any) -> Judged:
    """A document of one sentence, with one claim that rests on it."""
    claim = {**GOOD, "from": None, "quote": quote, "start": 0, "end": len(quote), **claim}
    for role in ("subject", "object"):
        claim[f"{role}_key"] = claim[role].casefold()
    return batch(("put_passages", {"spans": []}), ("assert_fact", claim), text=quote)


def judged(
    one: Judged, *, policy: Policy = DEFAULT, context: Context | None = None, shadow: Shadow | None = None
) -> Judgement:
    context = context or Context(VOCABULARY)
    return judge(examine(one, context), context, policy, shadow or Shadow(1))


def failed(judgement: Judgement) -> list[str]:
    return [name for name, result in judgement.checks.items() if not result.passed]
