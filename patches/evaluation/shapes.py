"""Shapes of words, looked for in whole documents: RE2 looks first, and `re` only at what RE2 saw something in.

RE2 reads a text once, however many ways a shape has to begin; `re` tries each of them at each character, which takes
fifty times as long. RE2's shape is wider, so nothing is passed over: it knows no edges of words, and all that is a
letter, a digit or a space to `re` is one to it. Pattern syntax: https://github.com/google/re2/wiki/Syntax
"""

import re
import unicodedata

import re2

OPTIONS = re2.Options()
OPTIONS.case_sensitive = False
OPTIONS.max_mem = 64 << 20
WIDER = ((r"\b", ""), (r"\w", r"[\pL\pN\pM_]"), (r"\W", r"[^a-zA-Z0-9_]"), (r"\d", r"\pN"))
# To `re` these are spaces, and the others letters that are an "i" whatever their case; RE2 knows them as neither.
SPACES = re.compile(
    "[" + "".join(sign for sign in map(chr, range(0x3001)) if sign.isspace() and sign not in "\t\n\f\r ") + "]"
)
DOTLESS = re.compile("[\u0130\u0131]")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


class Shape:
    """A verbose regular expression that ignores case, without looking ahead or back."""

    def __init__(self, pattern: str) -> None:
        self.exact = re.compile(pattern, re.IGNORECASE | re.VERBOSE)
        for part, wider in WIDER:
            pattern = pattern.replace(part, wider)
        self._wider = re2.compile(re.sub(r"(?<!\\)\s+", "", pattern), OPTIONS)

    def search(self, text: str, levelled: str) -> re.Match[str] | None:
        """Find the shape in the text; `levelled` is `level(text)`, for which callers with many shapes ask once."""
        return self.exact.search(text) if self._wider.search(levelled) else None


def visible(text: str) -> str:
    """The text as its reader sees it: without what nobody sees, and each letter in its usual form."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text))


def level(text: str) -> str:
    """The text as RE2 is to see it."""
    return SPACES.sub(" ", DOTLESS.sub("i", text))
