"""who_does_it_is_clear: where two of a kind are named, the words do not say the claim the other way round."""

import re

from patches.evaluation.checks.words import RECORD
from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.names import key_of

TAKEN = r"(?:acquired|bought|purchased|taken\s+over|owned|absorbed|sold|controlled|held|run)"
TAKES = r"(?:acquir\w+|bought|buys?|purchas\w+|took\s+over|takes?\s+over|owns?|owned|absorb\w+|controls?|holds?|held)"
JOINS = r"(?:joins?|joined|belong\w*\s+to|(?:is|was|are|were|became|becomes)\s+(?:an?\s+)?(?:\w+\s+)?members?\s+of)"
ADMITS = r"(?:admit\w*|includ\w+|compris\w+|welcom\w+|accept\w*|(?:has|had|have)\s+(?:\w+\s+){0,2}members?)"
# Of a predicate: what may not stand between subject and object, if the subject comes first, and if the object does.
OTHERWISE = {
    **dict.fromkeys(
        ("acquired_by", "owned_by"),
        (re.compile(rf"\b{TAKES}\b(?!.*\bby\b)", re.I | re.S), re.compile(rf"\b{TAKEN}\s+(?:\w+\s+)?by\b", re.I)),
    ),
    "member_of": (
        re.compile(rf"\b{ADMITS}\b(?!.*\b(?:by|in|to|into)\b)", re.I | re.S),
        re.compile(rf"\b{JOINS}", re.I),
    ),
}


def followed(batch: Judged, _: Context) -> Measured:
    return Measured.count({n: why for n, claim in batch.claims if (why := _turned(claim))})


def _turned(claim: Claim) -> str:
    """What says it the other way round. A line of a record names the object: what it is about stands above it."""
    if claim["predicate"] not in OTHERWISE or claim["subject_type"] != claim["object_type"]:
        return ""
    quote = " ".join(claim["quote"].split())
    subject, object_ = (quote.casefold().find(key_of(claim[role])) for role in ("subject", "object"))
    if RECORD.match(quote) and subject >= 0 > object_:
        return "the line names its subject where its object belongs"
    if min(subject, object_) < 0 or subject == object_:
        return ""
    first = 0 if subject < object_ else 1
    between = quote[min(subject, object_) : max(subject, object_)]
    found = OTHERWISE[claim["predicate"]][first].search(between)
    return f"“{found[0]}”" if found else ""
