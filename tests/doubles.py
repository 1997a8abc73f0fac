"""Models whose answers a test decides, behind the ports' contracts."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.ports import (
    Checkpoint,
    Claim,
    Content,
    Cursor,
    Entry,
    Listed,
    Mention,
    Period,
    ScopeComplete,
    Signs,
    Tombstone,
)
from ledger.failures import Auth, Failure, Gone, RateLimited, Transient
from ledger.reasons import Reason
from patches.predicates_seed import SEED

TYPES = {predicate.name: (predicate.subject_types[0], predicate.object_types[0]) for predicate in SEED}


class Moody:
    """Embeds as Hashing does; a text with BUG breaks it, with one of `raised` that comes of it."""

    dim = Hashing.dim
    recipe = "moody"
    raised: Mapping[str, Failure] = {
        "AWAY": Transient(Reason.REMOTE_UNAVAILABLE),
        "LOCKED": Auth(Reason.KEY_REFUSED),
        "EXPUNGED": Gone(Reason.VANISHED),
    }

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("BUG" in text for text in texts):
            raise RuntimeError("it fell over")
        for word, failure in self.raised.items():
            if any(word in text for text in texts):
                raise failure
        self.seen += texts
        return Hashing().embed(texts)


class Literal:
    """Claims what a line says: `led_by: Acme > Ann [2011..2014]`, either end may be missing.

    A predicate with `!` at its end comes without a quote.
    """

    recipe = "literal"
    line = re.compile(r"^(\w+)(!?): (.+?) > (.+?)(?: \[(.*)\.\.(.*)\])?$", re.MULTILINE)

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        return [[] for _ in texts]

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim]]:  # noqa: ARG002
        return [[self.claim(found) for found in self.line.finditer(text)] for text in texts]

    def claim(self, found: re.Match[str]) -> Claim:
        predicate, mute, subject, object_, since, until = found.groups()
        subject_type, object_type = TYPES.get(predicate, ("organization", "person"))
        start, end = found.span()
        period = Period(since or None, until or None)
        return Claim(predicate, subject, subject_type, object_, object_type, start, start if mute else end, period)


class Mailroom:
    """A remote source whose two items it takes a key to read, and which answers as the test says."""

    kind = "mailroom"
    answers: Mapping[str, Failure] = {}

    def check(self) -> str:
        return "here"

    def list(self, cursor: Cursor) -> Iterator[Entry]:  # noqa: ARG002
        yield from (Listed(name, "1", 4) for name in ("first", "second"))
        yield ScopeComplete(2)

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        if failure := self.answers.get(external_id):
            raise failure
        return Content(f"the {external_id} letter".encode()[:limit_bytes])


class Ticker:
    """A remote source that tells what changed since a position: each change is (name, text), or (name, None) if gone.

    After each change it gives a cursor. A change may also be a ScopeComplete, which is passed on. Names in `away`
    cannot be read. Behind change `breaks_at` it asks for time.
    """

    changes: ClassVar[list[tuple[str, str | None] | ScopeComplete]] = []
    away: ClassVar[set[str]] = set()
    asked: ClassVar[list[int]] = []
    breaks_at: ClassVar[int | None] = None

    def check(self) -> str:
        return f"{len(self.changes)} changes"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        begin = cursor.get("position", 0)
        self.asked.append(begin)
        for n, change in enumerate(self.changes[begin:], begin + 1):
            yield change if isinstance(change, ScopeComplete) else self.entry(n, *change)
            yield Checkpoint({"position": n})
            if n == self.breaks_at:
                raise RateLimited(Reason.REMOTE_BUSY, retry_after=timedelta(seconds=60))

    def entry(self, n: int, name: str, text: str | None) -> Entry:
        return Tombstone(name) if text is None else Listed(name, str(n), 0, signs=Signs.IMMUTABLE)

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        if external_id in self.away:
            raise Transient(Reason.REMOTE_UNAVAILABLE)
        told = [change for change in self.changes if not isinstance(change, ScopeComplete)]
        text = next(text for name, text in reversed(told) if name == external_id)
        return Content((text or "").encode()[:limit_bytes], "text/plain", {"from": "the ticker"})
