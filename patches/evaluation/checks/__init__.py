"""The gate's checks, in the order in which they are made. A new one is a function in a module here and a line below.

A check measures a batch: the smaller its value, the better. The policy says which value is too large (`limit`) and what
follows (`then`). A check of `patch` scope strikes out or holds back single patches, one of `batch` scope the whole.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from patches.evaluation.checks import (
    completeness,
    contradictions,
    dates,
    denial,
    digest,
    direction,
    drift,
    golden,
    identities,
    instructions,
    most_stand,
    orders,
    polarity,
    quotes,
    radius,
    secrets,
    times,
    trust,
    vocabulary,
    words,
)
from patches.evaluation.context import Context, Judged, Measured

Then = Literal["reject", "review", "note"]
Measure = Callable[[Judged, Context], Measured]
NAMED = re.compile(r"[a-z_]+: ")


@dataclass(frozen=True)
class Check:
    """`firm`: no policy may loosen it, as what it refuses cannot be applied. `store`: it asks what the store holds."""

    measure: Measure
    scope: Literal["patch", "batch"]
    then: Then = "reject"
    limit: float = 0.0
    firm: bool = False
    store: bool = False

    @property
    def holds(self) -> str:
        """What it holds, in words: the first line of its measure's docstring if that names it, else of its module's."""
        own, module = (
            str(told.__doc__ or "").strip().partition("\n")[0]
            for told in (self.measure, sys.modules[self.measure.__module__])
        )
        line = own if NAMED.match(own) else module
        return line.partition(": ")[2] or line


def of_patches(measure: Measure, then: Then = "reject", *, firm: bool = False, store: bool = False) -> Check:
    return Check(measure, "patch", then, 0.0, firm, store)


def of_batch(
    measure: Measure, then: Then = "reject", limit: float = 0.0, *, firm: bool = False, store: bool = False
) -> Check:
    return Check(measure, "batch", then, limit, firm, store)


CHECKS: Mapping[str, Check] = {
    "digest_matches": of_batch(digest.matches, firm=True),
    "identity_makes_sense": of_batch(identities.sensible, firm=True),
    "claim_is_complete": of_patches(completeness.complete, firm=True),
    "claim_is_asserted": of_patches(polarity.asserted, firm=True),
    "quote_is_verbatim": of_patches(quotes.verbatim, firm=True),
    "predicate_is_known": of_patches(vocabulary.known, firm=True),
    "time_makes_sense": of_patches(times.sane, firm=True),
    "names_stand_in_the_words": of_patches(words.names),
    "dates_stand_in_the_words": of_patches(dates.stand),
    "words_do_not_deny": of_patches(denial.undenied),
    "who_does_it_is_clear": of_patches(direction.followed),
    "one_value_at_a_time": of_patches(contradictions.single),
    "most_claims_stand": of_batch(most_stand.share, limit=0.5),
    "no_secrets": of_batch(secrets.absent),
    "no_instructions": of_batch(instructions.absent),
    "no_likely_orders": of_batch(orders.likely, "review", 0.7),
    "vectors_are_whole": of_batch(drift.vectors, limit=0.01),
    "source_is_trusted": of_batch(trust.distance, "review", 2),
    "no_better_source_is_overruled": of_patches(trust.outranked, "review", store=True),
    "few_facts_close": of_batch(radius.closed, "review", 20, store=True),
    "few_of_all_facts_close": of_batch(radius.share, "review", 0.05, store=True),
    "golden_recall_holds": of_batch(golden.recall, "review", 0.01, store=True),
    "golden_rank_holds": of_batch(golden.rank, "review", 0.05, store=True),
    "golden_facts_stay": of_batch(golden.facts, "review", store=True),
    "size_is_usual": of_batch(drift.passages, "review", 20, store=True),
    "claims_are_usual": of_batch(drift.predicates, "note", 0.3, store=True),
    "subject_is_usual": of_batch(drift.meaning, "note", 0.8, store=True),
}

__all__ = ["CHECKS", "Check", "Then"]
