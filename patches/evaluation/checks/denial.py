"""words_do_not_deny: around the names of a claim its words neither deny it, nor doubt it, nor leave it to others."""

import re

from patches.evaluation.checks.words import RECORD
from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.names import key_of

DENIAL = re.compile(
    r"\b(?:not(?!\s+only\b)|never|neither|nor|no\s+longer|cannot|n't|\w+n['’]t|hardly|denie[sd]|den(?:y|ying)|untrue"
    r"|false(?:ly)?|wrong(?:ly)?|refus(?:ed|es)\s+to|fail(?:ed|s)\s+to|declin(?:ed|es)\s+to|turned\s+down|rejected"
    r"|(?-i:may)|might|could|would|should|perhaps|maybe|possibly|probably|presumably|likely|if|whether|unless"
    r"|reportedly|allegedly|alleged|apparently|supposedly|purportedly|rumou?r\w*|unconfirmed|speculat\w+"
    r"|(?:is|are|was|were)\s+(?:said|thought|believed|expected|rumou?red|understood|tipped|likely|due|set)\s+to"
    r"|(?:is|are|was|were)\s+(?:said|thought|believed|expected|understood)"
    r"|(?:proposed|motion|moved|resolution|idea|suggestion)\s+(?:was\s+)?that|(?<!to\s)be\s+(?:appointed|made|elected|named)"
    r"|(?:confused|mixed\s+up)\s+with|mistaken\s+for|hopes?\s+to|plans?\s+to|wants?\s+to|wishes\s+to|seeks?\s+to|according\s+to|claim(?:s|ed)\s+(?:that|to))\b",
    re.IGNORECASE,
)
# Wherever these stand in a sentence, they are meant for all of it.
LOUD = re.compile(
    r"\b(?:imagine|suppose|in\s+(?:the|a|his|her)\s+(?:\w+\s+)?(?:novel|film|play|dream|story|tale|game|poem)"
    r"|^(?:for\s+)?example\s*:|reportedly|allegedly|supposedly|purportedly|unconfirmed|rumou?r(?:s|ed)?\b"
    r"|it\s+is\s+(?:not\s+true|false|untrue|wrong))|\?\s*[\"'”’)]*\s*$",
    re.IGNORECASE,
)
# Ends what stands before a clause that somebody else says, or that is not so yet.
SPEAKS = re.compile(
    r"(?<![\"”’]\s)\b(?:said|says?|saying|told|claim(?:s|ed)?|believes?|believed|thinks?|thought|guess(?:es)?|suppose[sd]?|heard|hear"
    r"|argue[sd]?|insist(?:s|ed)?|suggest(?:s|ed)?|assume[sd]?|fear(?:s|ed)?|hope[sd]?|wishes|wished|wish|dream(?:s|t|ed)?"
    r"|pretend(?:s|ed)?|imagine[sd]?|according\s+to[^,]*,)(?:\s+that)?(?:\s+(?:the|a|an|mr|mrs|ms|dr)\.?)?\s*$",
    re.IGNORECASE,
)
NOT_YET = re.compile(r"(?-i:\bwill\b|\bshall\b)|\b(?:is|are)\s+about\s+to\b|\bgoing\s+to\b", re.IGNORECASE)
SENTENCE = re.compile(r"[.!?][\"”’)]*\s+(?=[\W\d]*[^\W\d_a-z])|\n\s*\n|\n\s*[-*+|#>]")
CLOSED, CLOSES = re.compile(r"[.!?][\"”’)]*\s*$"), re.compile(r"[.!?]+[\"”’)]*(?=\s|$)|(?=\n\s*\n|\n\s*[-*+|#>])|$")
REACH = 300  # characters that a sentence goes beyond its quote at most
ASIDE = re.compile(r",\s*(?:who|which|whose|whom|where|when|although|though|while)\b[^,;.]*(?:,|$)", re.IGNORECASE)
BORDER = re.compile(r"[;:]|\s[–—-]\s|,\s*(?:but|and|while|so)\b")
BEFORE, AFTER = 5, 3  # words


def undenied(batch: Judged, _: Context) -> Measured:
    return Measured.count(
        {
            n: f"“{cue}”"
            for n, claim in batch.claims
            if claim["subject_type"] != "document" and (cue := _denial(claim, batch.text))
        }
    )


def _denial(claim: Claim, text: str) -> str:
    """What denies the claim in the sentence that its quote is of, if anything does."""
    is_record = RECORD.match(claim["quote"]) is not None
    sentence = " ".join(claim["quote"].split()) if is_record else _sentence(claim, text)
    if loud := LOUD.search(sentence):
        return loud[0]
    names = (claim["subject"], claim["object"])
    if found := DENIAL.search(_around(sentence, *names)):
        return found[0]
    return "" if is_record else _of_another(sentence, *names)


def _sentence(claim: Claim, text: str) -> str:
    """The whole sentence, or sentences, of which the quote is a part."""
    start, end = claim["start"], claim["end"]
    before, after = text[max(0, start - REACH) : start], text[end : end + REACH]
    borders = [match.end() for match in SENTENCE.finditer(before)]
    closes = None if CLOSED.search(claim["quote"]) else CLOSES.search(after)
    rest = after[: closes.end()] if closes else ""
    return " ".join(f"{before[borders[-1] if borders else 0 :]}{claim['quote']}{rest}".split())


def _of_another(sentence: str, *names: str) -> str:
    """The word by which the sentence leaves the claim to somebody else, or to the future."""
    spots = [spot for name in names if (spot := _find(sentence, name))]
    if not spots:
        return ""
    before = sentence[: min(start for start, _ in spots)]
    if before.count("“") > before.count("”") or before.count('"') % 2:
        return "a quotation"
    if found := SPEAKS.search(before):
        return found[0].strip()
    ahead = NOT_YET.search(sentence[min(end for _, end in spots) : max(start for start, _ in spots)])
    return ahead[0] if ahead else ""


def _around(quote: str, *names: str) -> str:
    """The part of the quote from a little before the first name to a little after the last; asides are left out.

    The names themselves are left out too: a company may be called Never Ltd.
    """
    plain = ASIDE.sub(lambda aside: aside[0] if any(name in aside[0] for name in names) else " ", quote)
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
