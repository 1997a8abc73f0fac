"""words_do_not_deny: around the names of a claim its words neither deny it, nor doubt it, nor leave it to others."""

import re

from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.names import key_of

DENIAL = re.compile(
    r"\b(?:not(?!\s+only\b)|never|neither|nor|no\s+longer|cannot|n't|\w+n['’]t|hardly|denie[sd]|den(?:y|ying)|untrue"
    r"|false(?:ly)?|wrong(?:ly)?|refus(?:ed|es)\s+to|fail(?:ed|s)\s+to|declin(?:ed|es)\s+to|turned\s+down|rejected"
    r"|(?-i:may)|might|could|would|should|perhaps|maybe|possibly|probably|presumably|likely|if|whether|unless"
    r"|reportedly|allegedly|alleged|apparently|supposedly|purportedly|rumou?r\w*|unconfirmed|speculat\w+"
    r"|(?:is|are|was|were)\s+(?:said|thought|believed|expected|rumou?red|understood|tipped|likely|due|set)\s+to"
    r"|(?:is|are|was|were)\s+(?:said|thought|believed|expected|understood)"
    r"|hopes?\s+to|plans?\s+to|wants?\s+to|wishes\s+to|seeks?\s+to|according\s+to|claim(?:s|ed)\s+(?:that|to))\b",
    re.IGNORECASE,
)
# Wherever these stand in a sentence, they are meant for all of it.
LOUD = re.compile(
    r"\b(?:reportedly|allegedly|supposedly|purportedly|unconfirmed|rumou?r(?:s|ed)?\b|it\s+is\s+(?:not\s+true|false|untrue"
    r"|wrong))|\?\s*[\"'”’)]*\s*$",
    re.IGNORECASE,
)
ASIDE = re.compile(r",\s*(?:who|which|whose|whom|where|when|although|though|while)\b[^,;.]*(?:,|$)", re.IGNORECASE)
BORDER = re.compile(r"[;:]|\s[–—-]\s|,\s*(?:but|and|while|so)\b")
BEFORE, AFTER = 5, 3  # words


def undenied(batch: Judged, _: Context) -> Measured:
    return Measured.count(
        {n: f"“{cue}”" for n, claim in batch.claims if claim["subject_type"] != "document" and (cue := _denial(claim))}
    )


def _denial(claim: Claim) -> str:
    """The word that denies the claim, if one does."""
    quote = " ".join(claim["quote"].split())
    if loud := LOUD.search(quote):
        return loud[0]
    found = DENIAL.search(_around(quote, claim["subject"], claim["object"]))
    return found[0] if found else ""


def _around(quote: str, *names: str) -> str:
    """The part of the quote from a little before the first name to a little after the last; asides are left out.

    The names themselves are left out too: a company may be called Never Ltd.
    """
    plain = ASIDE.sub(" ", quote)
    spots = [spot for name in names if (spot := _find(plain, name))]
    if not spots:
        return plain
    first, last = min(start for start, _ in spots), max(end for _, end in spots)
    before = " ".join(BORDER.split(plain[:first])[-1].split()[-BEFORE:])
    after = " ".join(BORDER.split(plain[last:])[0].split()[:AFTER])
    inside = plain[first:last]
    for start, end in sorted(spots, reverse=True):
        inside = inside[: start - first] + " " + inside[end - first :]
    return f"{before} {inside} {after}"


def _find(quote: str, name: str) -> tuple[int, int] | None:
    """Where the quote names it, in full or by its longest part."""
    folded = quote.casefold()
    for part in (name.casefold(), *sorted(key_of(name).split(), key=len, reverse=True)[:1]):
        if (at := folded.find(part)) >= 0:
            return at, at + len(part)
    return None
