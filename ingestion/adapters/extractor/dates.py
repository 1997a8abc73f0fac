"""Reads dates and stretches of time from text; no model.

A date is ISO 8601, as precise as it is written: "2019", "2019-05" or "2019-05-02".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from ingestion.ports import Period

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
YEAR = r"(?:1[5-9]|20)\d\d"
WEEKDAY = r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,?\s+)?"
VAGUELY = r"(?:(?:the\s+)?(?:early|late|mid|spring|summer|autumn|winter|end|start|beginning)[\s-]+(?:of\s+|in\s+)?)?"
DATE = (
    rf"(?:{YEAR}-\d\d-\d\d(?![\d-])|{YEAR}-\d\d(?![\d-])|{WEEKDAY}\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{MONTH},?\s+{YEAR}"
    rf"|{MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+{YEAR}|{VAGUELY}{MONTH},?\s+(?:of\s+)?{YEAR}|{VAGUELY}(?:the\s+year\s+)?{YEAR})(?!(?!T\d\d:)[\w/]|\.\d)"
)
FIRST = rf"(?:{DATE}|{MONTH})"  # "from May to September 2019" names the year once
STRETCH = re.compile(
    rf"\b(?:(?P<from>from|between)\s+(?P<a>{FIRST})\s*(?:to|until|till|through|and|–|-)\s*(?P<b>{DATE})"
    rf"|(?P<bare_a>{YEAR})\s?[–-]\s?(?P<bare_b>{YEAR})(?![\w-])"
    rf"|(?P<word>since|from|starting(?:\s+in|\s+on)?|as\s+of|effective|until|till|up\s+to|through|before|after|by|in|on|during)"
    rf"\s+(?P<one>{DATE})|(?P<plain>{DATE}))",
    re.IGNORECASE,
)
WHOLE = re.compile(rf"\s*({DATE})(?:[T ]\d\d:\d\d.*)?\s*", re.IGNORECASE)
OPENS = {"since", "from", "starting", "starting in", "starting on", "as of", "effective"}
CLOSES = {"until", "till", "up to", "through"}
VAGUE = {"before", "after", "by"}


@dataclass(frozen=True)
class Moment:
    """A time that `text[start:end]` states; `kind` is range, opens, closes, at or vague (of no use)."""

    start: int
    end: int
    kind: str
    first: str | None
    last: str | None


def moments(text: str) -> Iterator[Moment]:
    """Yield what the text says of time, in order; dates that do not exist (31 June) are left out."""
    for match in STRETCH.finditer(text):
        first, last = match["a"] or match["bare_a"], match["b"] or match["bare_b"]
        if last:
            since, until = iso(first) or _in_the_year_of(first, last), iso(last)
            if since and until and since[: len(until)] <= until[: len(since)]:
                yield Moment(match.start(), match.end(), "range", since, until)
        elif day := iso(match["one"] or match["plain"]):
            yield Moment(match.start(), match.end(), _kind(match["word"]), day, day)


def period(stated: Iterable[Moment], aspect: str) -> Period | None:
    """Say when something holds; `aspect` is state, past, start or end. None if the text leaves it open and must not.

    "Was director" and "left" say that something is over: without a time they cannot become a period.
    """
    since = until = None
    for moment in stated:
        if moment.kind in ("range", "opens") or (moment.kind == "at" and aspect != "end"):
            since = since or moment.first
        if moment.kind in ("range", "closes") or (moment.kind == "at" and aspect in ("end", "state", "past")):
            until = until or moment.last
    if since and until and since[: len(until)] > until[: len(since)]:
        return None
    if aspect == "past" and since and not until:
        return None
    if aspect in ("past", "end") and not until:
        return None
    return Period(since, until)


def iso(written: str) -> str | None:
    """Return one written date as ISO 8601, or None if it is none."""
    match = WHOLE.fullmatch(written)
    if not match:
        return None
    words = re.findall(r"[A-Za-z]+|\d+", match[1])
    month = next((MONTHS.index(w[:3].lower()) + 1 for w in words if re.fullmatch(MONTH, w, re.IGNORECASE)), None)
    numbers = [int(w) for w in words if w.isdigit()]
    year = next(n for n in numbers if n > 1000)  # noqa: PLR2004 - a four-digit year
    rest = [n for n in numbers if n != year]
    if month is None and rest:
        month, rest = rest[0], rest[1:]
    try:
        day = date(year, month or 1, rest[0] if rest else 1).isoformat()
    except ValueError:
        return None
    return day if rest else day[:7] if month else day[:4]


def _in_the_year_of(month: str, other: str) -> str | None:
    known = iso(other)
    return iso(f"{month} {known[:4]}") if known and re.fullmatch(MONTH, month, re.IGNORECASE) else None


def _kind(word: str | None) -> str:
    plain = " ".join((word or "").lower().split())
    return "opens" if plain in OPENS else "closes" if plain in CLOSES else "vague" if plain in VAGUE else "at"


def first(text: str) -> str | None:
    """Return the first date in a text as ISO 8601."""
    return next((m.first for m in moments(text) if m.kind != "range"), None)
