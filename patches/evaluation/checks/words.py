"""names_stand_in_the_words: the object's name is in the quote, and so is the subject's or what stands for it."""

import re

from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.names import key_of

WORD = re.compile(r"\w+(?:\.\d+)?")
THOUSANDS = re.compile(r"(?<=\d)[,’'\u00a0\u202f ](?=\d{3}(?!\d))")
# A line of a record, a head or a table says its part of what its block says.
RECORD = re.compile(r"\s*(?:[-*+]\s+)?[*_]{0,2}[\w ()/.-]{1,40}::?[*_]{0,2}\s|\s*\||.*\S\s*\|")
# Who wrote it and to whom: of the document, not of what it is about.
OF_DOCUMENT = re.compile(
    r"^\s*(?:authors?|editors?|by|from|to|cc|created[ _]by|written[ _]by|sender)\s*::?\s.*$", re.I | re.M
)
SMALL = frozenset({"the", "of", "and", "a", "an", "for", "in", "at", "on", "to", "de", "la", "von", "van"})
VALUES = ("date", "text", "document")
HONORIFICS = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "dame", "lord", "lady"})
# Words in capitals that follow each other: a name, as a reader takes it.
RUN = re.compile(r"[^\W\d_a-z][\w'’.&-]*(?:\s+(?:(?:of|the|and|de|la|von|van|for|&)\s+)*[^\W\d_a-z][\w'’.&-]*)*")
ROW = re.compile(r"^.*\|.*$", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} .*", re.MULTILINE)
POINTING = re.compile(
    r"\b(?:he|she|it|they|his|her|hers|its|their|him|them|who|which|the\s+(?:company|firm|group|trust|board|club|society"
    r"|institute|museum|department|agency|council|foundation|organi[sz]ation|association|same|latter|former))\b",
    re.IGNORECASE,
)
SPELLED = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
CURRENCY = re.compile(r"[a-z]{3}")


def names(batch: Judged, _: Context) -> Measured:
    """A part of a name stands for the whole where the whole stands elsewhere in the document.

    A line of a record is about what its block, a heading or the title names; a word that points back, about whom its
    paragraph named before.
    """
    text = key_of(f"{batch.title}\n{batch.text}")
    return Measured.count({n: why for n, claim in batch.claims if (why := _unnamed(claim, batch, text))})


def _unnamed(claim: Claim, batch: Judged, text: str) -> str:
    is_record = RECORD.match(claim["quote"]) is not None
    lines = block(claim, batch.text)
    lines = lines if claim["subject_type"] == "document" else OF_DOCUMENT.sub("", lines)
    words = f"{batch.title} {lines}" if is_record else claim["quote"]
    if "|" in claim["quote"] and claim["object_type"] not in VALUES:
        words = claim["quote"]  # a row of a table names whom it is about
    if claim["object_type"] != "date" and not (_named(claim, "object", words, text) or _amounts(claim, _parts(words))):
        return f"{claim['object']} does not stand there"
    if is_record and claim["object_type"] not in VALUES and _names_another(claim, text):
        return f"the line names another than {claim['object']}"
    words = claim["quote"] if "|" in claim["quote"] else words
    if claim["subject_type"] == "document" or _named(claim, "subject", words, text):
        return ""
    around = _above(claim, batch) if is_record else _before(claim, batch.text)
    return "" if key_of(claim["subject"]) in key_of(around) else f"{claim['subject']} does not stand there"


def _named(claim: Claim, role: str, words: str, text: str) -> bool:
    """Whether the words name it: in full, or by a part that is not part of another name."""
    name, parts, there = claim[role], _parts(claim[role]), _parts(words)
    if parts <= there:
        return True
    here = parts & there
    if not here or key_of(name) not in text:
        return False
    if claim[f"{role}_type"] == "text":
        return True
    runs = (_parts(run) - HONORIFICS for run in RUN.findall(words))
    return any(run and run <= parts for run in runs) or any(f"the {part}" in words for part in here)


def _names_another(claim: Claim, text: str) -> bool:
    """Whether a line such as “founder: Ann Lee” has a name for its value, and not this one."""
    value = claim["quote"].partition(":")[2]
    return bool(RUN.match(value.lstrip(" :*_[\"'"))) and not _named(claim, "object", value, text)


def _above(claim: Claim, batch: Judged) -> str:
    """What a line of a record may be about: the headings and the first line before it, the title; no other row."""
    before = ROW.sub("", batch.text[: claim["start"]])
    return "\n".join([batch.title, *HEADING.findall(before), before.lstrip().partition("\n")[0]])


def _before(claim: Claim, text: str) -> str:
    """The paragraph up to the quote, if the quote has a word that points back; else nothing."""
    if not POINTING.search(claim["quote"]):
        return ""
    return text[text.rfind("\n\n", 0, claim["start"]) + 1 : claim["start"]]


def _amounts(claim: Claim, words: set[str]) -> bool:
    """A number is the same with and without marks, and in words; a currency is as often a sign as a name."""
    parts = _parts(claim["object"])
    numbers = {part for part in parts if part[0].isdigit()}
    if claim["object_type"] != "text" or not numbers:
        return False
    spelled = {str(n) for n, word in enumerate(SPELLED) if word in words}
    return numbers <= words | spelled and all(part in words or CURRENCY.fullmatch(part) for part in parts - numbers)


def _parts(name: str) -> set[str]:
    return {part for part in WORD.findall(THOUSANDS.sub("", key_of(name))) if part not in SMALL}


def block(claim: Claim, text: str) -> str:
    """The block of lines that the quote stands in."""
    first, last = text.rfind("\n\n", 0, claim["start"]), text.find("\n\n", claim["end"])
    return text[first + 2 if first >= 0 else 0 : last if last >= 0 else len(text)]
