"""Whether the words that a claim rests on say what it says: its names and its dates."""

import re
from collections.abc import Iterator

from patches.evaluation.context import Claim, Context, Judged, Measured
from patches.names import key_of

WORD = re.compile(r"\w+(?:\.\d+)?")
THOUSANDS = re.compile(r"(?<=\d)[,’'\u00a0\u202f ](?=\d{3}(?!\d))")
YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# A line of a record, a head or a table says its part of what its block says.
RECORD = re.compile(r"\s*(?:[-*+]\s+)?[\w ()/.-]{1,40}::?\s|\s*\||.*\S\s*\|")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SMALL = frozenset({"the", "of", "and", "a", "an", "for", "in", "at", "on", "to", "de", "la", "von", "van"})
SPELLED = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
CURRENCY = re.compile(r"[a-z]{3}")


def names(batch: Judged, _: Context) -> Measured:
    """names_stand_in_the_words: the object's name is in the quote, the subject's too or else in the document.

    A part of a name stands for the whole where the whole stands elsewhere in the document.
    """
    text = key_of(f"{batch.title}\n{batch.text}")
    return Measured.count({n: why for n, claim in batch.claims if (why := _unnamed(claim, batch, text))})


def _unnamed(claim: Claim, batch: Judged, text: str) -> str:
    words = _parts(f"{batch.title} {_where(claim, batch.text)}" if RECORD.match(claim["quote"]) else claim["quote"])
    if claim["object_type"] != "date" and not (_named(claim["object"], words, text) or _amounts(claim, words)):
        return f"{claim['object']} does not stand there"
    if claim["subject_type"] == "document" or _named(claim["subject"], words, text):
        return ""
    return "" if key_of(claim["subject"]) in text else f"{claim['subject']} does not stand there"


def _named(name: str, words: set[str], text: str) -> bool:
    parts = _parts(name)
    here = parts & words
    return here == parts or (bool(here) and key_of(name) in text)


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


def dates(batch: Judged, _: Context) -> Measured:
    """dates_stand_in_the_words: the days, months and years of a claim are in its quote.

    Where the quote names no year they are in its block, as in a table or in the head of a note.
    """
    return Measured.count({n: why for n, claim in batch.claims if (why := _undated(claim, batch.text))})


def _undated(claim: Claim, text: str) -> str:
    stated = [date for date in (claim["from"], claim["to"]) if date]
    if claim["object_type"] == "date":
        stated.append(claim["object"])
    if not stated:
        return ""
    where = claim["quote"] if YEAR.search(claim["quote"]) else _where(claim, text)
    numbers = {int(number) for number in re.findall(r"\d+", where)}
    words = {word[:3].casefold() for word in re.findall(r"[^\W\d_]{3,}", where)}
    missing = [date for date in stated if not all(_stands(part, numbers, words) for part in _components(date))]
    return f"{', '.join(missing)} does not stand there" if missing else ""


def _components(date: str) -> Iterator[tuple[int, str]]:
    year, *rest = date.split("-")
    yield int(year), ""
    for n, part in enumerate(rest):
        month = int(part) if n == 0 and 1 <= int(part) <= len(MONTHS) else 0
        yield int(part), MONTHS[month - 1] if month else ""


def _stands(part: tuple[int, str], numbers: set[int], words: set[str]) -> bool:
    number, name = part
    return number in numbers or name in words


def _where(claim: Claim, text: str) -> str:
    """The block of lines that the quote stands in."""
    first, last = text.rfind("\n\n", 0, claim["start"]), text.find("\n\n", claim["end"])
    return text[first + 2 if first >= 0 else 0 : last if last >= 0 else len(text)]
