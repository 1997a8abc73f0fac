"""The pages of a site that are known, and how far a round through them is: all that a cursor holds."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ingestion.ports import Cursor

MOST_CHARS = 60_000  # of a cursor
VALIDATOR_CHARS = 100
DAY_S = 86_400
RACY_S = 2 * DAY_S
FORGET_S = 30 * DAY_S
TRIES = 2  # of a page, before the round goes on without it


@dataclass
class Place:
    """A page: how far from a seed, and what was found there. A sitemap has a depth below zero.

    `validator` is "e" and an entity tag, or "m" and a date. `missing_since` is in seconds of the epoch, 0 for a page
    that was there; `misses` counts the rounds since, `fails` how often it could not be asked, up to TRIES. `lastmod` is
    the change that a sitemap tells of, with "?" before it as long as the page was not asked for since.
    """

    depth: int
    validator: str = ""
    misses: int = 0
    missing_since: int = 0
    gone: bool = False
    done: bool = False
    fails: int = 0
    lastmod: str = ""

    @property
    def conditions(self) -> dict[str, str]:
        if not self.validator:
            return {}
        return {"If-None-Match" if self.validator[0] == "e" else "If-Modified-Since": self.validator[1:]}

    def claimed(self, lastmod: str, *, believed: bool) -> None:
        """Hear from a sitemap when the page changed last: one that was asked for since need not be asked now."""
        if believed and lastmod and lastmod == self.lastmod and not self.missing_since:
            self.found()
        else:
            self.lastmod = f"?{lastmod}" if lastmod else ""

    def there(self, headers: Mapping[str, str], now_s: int) -> None:
        tag, date = headers.get("etag", ""), headers.get("last-modified", "")
        self.validator = (
            f"e{tag}" if tag and len(tag) <= VALIDATOR_CHARS else f"m{date[:VALIDATOR_CHARS]}" if date else ""
        )
        self.same(now_s)

    def same(self, now_s: int) -> None:
        """It was answered. A change of yesterday or today may be followed by one that is told by the same day."""
        settled = datetime.fromtimestamp(now_s - RACY_S, UTC).date().isoformat()
        if self.lastmod.startswith("?") and self.lastmod[1:11] < settled:
            self.lastmod = self.lastmod[1:]
        self.found()

    def found(self) -> None:
        self.misses, self.missing_since, self.gone, self.done, self.fails = 0, 0, False, True, 0

    def missed(self, now_s: int, *, gone: bool = False) -> None:
        self.misses += 1
        self.missing_since = self.missing_since or now_s
        self.gone, self.done, self.validator, self.fails, self.lastmod = gone, True, "", 0, ""

    def failed(self) -> bool:
        """Note that it could not be asked; return whether the round goes on without it."""
        self.fails = min(self.fails + 1, TRIES)
        self.done = self.fails == TRIES
        return self.done


@dataclass
class Frontier:
    """The pages by their addresses, at most `most`. `scope` stands for the options that they were found by.

    A round is `whole` if it believes no sitemap, the last of which began at `whole_at`. `absent` has by hosts how they
    look where they have nothing: "" for one that says so by its status, "?" for one that did not answer.
    """

    most: int
    scope: str = ""
    pages: dict[str, Place] = field(default_factory=dict)
    open: bool = False  # a round is under way
    full: bool = False  # there were more pages than may be
    whole: bool = True
    whole_at: int = 0
    absent: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, cursor: Cursor, most: int, scope: str) -> "Frontier":
        """Return what the cursor holds. Found by other options, all is asked for anew: other links may count now."""
        if not cursor:
            return cls(most, scope)
        rows = json.loads(zlib.decompress(base64.b85decode(cursor["pages"])))
        found = cls(most, scope, {url: Place(*row) for url, *row in rows}, cursor["open"], cursor["full"])
        found.whole, found.whole_at = cursor.get("whole", True), cursor.get("whole_at", 0)
        found.absent = dict(cursor.get("absent", {}))
        if cursor["scope"] != scope:
            found.open = False
            for place in found.pages.values():
                place.validator = place.lastmod = ""
        return found

    def cursor(self) -> Cursor:
        """Return it as a cursor. One too large loses the validators first, then pages that nobody has looked at."""
        packed = self._packed(self.pages)
        if len(packed) > MOST_CHARS:
            for place in self.pages.values():
                place.validator = place.lastmod = ""
            packed = self._packed(self.pages)
        while len(packed) > MOST_CHARS:
            self.full = True
            unseen = [url for url, place in self.pages.items() if not place.done] or list(self.pages)
            for url in unseen[-max(1, len(self.pages) // 10) :]:
                del self.pages[url]
            packed = self._packed(self.pages)
        told = {"open": self.open, "full": self.full, "whole": self.whole, "whole_at": self.whole_at}
        return {"pages": packed, **told, "scope": self.scope, "absent": self.absent}

    @staticmethod
    def _packed(pages: dict[str, Place]) -> str:
        rows = [[url, *_row(place)] for url, place in pages.items()]
        written = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.b85encode(zlib.compress(written, 9)).decode("ascii")

    def begin(self, now_s: int, whole_each_s: float) -> None:
        """Begin a round through all that is known; after so long, one that believes nothing of what was told."""
        self.open, self.full = True, False
        self.whole = now_s - self.whole_at >= whole_each_s
        if self.whole:
            self.whole_at, self.absent = now_s, {}
        for place in self.pages.values():
            place.done, place.fails = False, min(place.fails, TRIES - 1)  # what failed before has one try alone

    def end(self, now_s: int) -> None:
        """End the round, and forget what has been missing for so long that nobody expects it back."""
        self.open = False
        for url, place in list(self.pages.items()):
            if place.missing_since and now_s - place.missing_since > FORGET_S:
                del self.pages[url]

    def add(self, url: str, depth: int) -> Place | None:
        """Know the page; None if there are too many."""
        place = self.pages.get(url)
        if place is None and len(self.pages) < self.most:
            place = self.pages[url] = Place(depth)
        if place is None:
            self.full = True
        elif depth < place.depth:
            place.depth = depth
        return place

    def todo(self) -> Iterator[str]:
        """Yield what is left of the round, what is nearest to a seed first. More may be added meanwhile."""
        seen: set[str] = set()
        while left := [url for url, place in self.pages.items() if not place.done and url not in seen]:
            nearest = min(self.pages[url].depth for url in left)
            for url in left:
                if self.pages[url].depth == nearest and not self.pages[url].done:
                    seen.add(url)
                    yield url

    def missing(self, *, rounds: int, for_s: float, now_s: int) -> Iterator[str]:
        """Yield the pages that are taken for gone: told so by the site, or missed often and long enough."""
        for url, place in self.pages.items():
            long = place.misses >= rounds and now_s - place.missing_since >= for_s
            if place.depth >= 0 and place.missing_since and (place.gone or long):
                yield url


def _row(place: Place) -> list[Any]:
    """The fields, without those at the end that are as in any new page."""
    row: list[Any] = [int(value) if isinstance(value, bool) else value for value in astuple(place)]
    while len(row) > 1 and not row[-1]:
        row.pop()
    return row
