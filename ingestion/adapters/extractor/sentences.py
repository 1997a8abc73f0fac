"""Cuts a passage into sentences by its marks alone: cheap enough to run before any model.

Offsets count characters of the passage. Headings, list items and table rows stand alone; code and
quotations are left out.
"""

import re
from collections.abc import Iterator

FENCE = re.compile(r"^\s*(```|~~~)")
STANDS_ALONE = re.compile(r"^\s*(?:#{1,6}\s|[-*+•]\s|\d{1,3}[.)]\s|\||=====*\s*$|-----*\s*$)")
MARKER = re.compile(r"\s*(?:#{1,6}\s+|[-*+•>]\s+|\d{1,3}[.)]\s+|\|\s*)*")
# A stop ends a sentence before a capital, a digit or a quote, unless a title, an initial or a form of company precedes.
STOP = re.compile(
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bProf)(?<!\bCapt)(?<!\bRev)(?<!\bSt)(?<!\bNo)(?<!\bInc)(?<!\bCo)"
    r"(?<!\b[A-Z])[.!?][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]?[A-Z0-9])"
)

Span = tuple[int, int]


def sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the sentences of the block `text[start:end]`, without the blanks and list marks around them."""
    begin = start
    for stop in STOP.finditer(text, start, end):
        yield from _trimmed(text, begin, stop.end())
        begin = stop.end()
    yield from _trimmed(text, begin, end)


def all_sentences(text: str) -> Iterator[Span]:
    """Yield the sentences of every block; one may run over several lines."""
    for start, end in blocks(text):
        yield from sentences(text, start, end)


def blocks(text: str) -> Iterator[Span]:
    """Yield paragraphs, headings, list items and rows, with their marks."""
    begin: int | None = None
    fenced = False
    at = 0
    for line in text.splitlines(keepends=True):
        fence = FENCE.match(line) is not None
        quoted = line.startswith(">")  # a quotation in a mail or a note: others' words
        cut = fence or fenced or quoted or not line.strip() or STANDS_ALONE.match(line) is not None
        if cut and begin is not None:
            yield begin, at
            begin = None
        fenced ^= fence
        if line.strip() and not (fence or fenced or quoted) and begin is None:
            begin = at
        if begin is not None and line.lstrip().startswith(("#", "|")):
            yield begin, at + len(line)
            begin = None
        at += len(line)
    if begin is not None:
        yield begin, at


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    mark = MARKER.match(text, start, end)
    start = mark.end() if mark else start
    kept = text[start:end].rstrip(" \t\r\n|")
    if kept:
        yield start, start + len(kept)
