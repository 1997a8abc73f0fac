"""Gets one page: bounded in size before and after decompression, in time, and in how often it may send us on."""

import time
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from ingestion.connectors.guard import Guard, Guarded
from ingestion.connectors.remote import AGENT, asked_to_wait, calling
from ledger.failures import Malformed, RateLimited, Transient
from ledger.reasons import Reason

REDIRECTS = frozenset({301, 302, 303, 307, 308})
BUSY, AWAY, SERVER_ERROR = 429, 503, 500
A_MINUTE = timedelta(minutes=1)
HOPS = 5
TIMEOUT = httpx.Timeout(20, connect=10)
MOST_S = 120  # for a whole answer, however slowly it drips
PIECE_BYTES = 64 << 10
ACCEPTED = "text/html, application/xhtml+xml, text/plain, text/markdown, application/pdf;q=0.9, */*;q=0.1"


@dataclass(frozen=True)
class Answer:
    """What came, from `url` after all redirects. `whole` is false if the body ended at the limit.

    With `leads_to` it is a redirect that was not followed.
    """

    url: str
    status: int
    headers: httpx.Headers = field(default_factory=httpx.Headers)
    body: bytes = b""
    whole: bool = True
    leads_to: str = ""

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", ""))


class Fetcher:
    """Asks for pages as ourselves, one after the other."""

    def __init__(self, guard: Guard) -> None:
        self.transport = Guarded(guard)
        self.client = httpx.Client(
            transport=self.transport,
            timeout=TIMEOUT,
            headers={"User-Agent": AGENT, "Accept": ACCEPTED, "Accept-Encoding": "gzip, deflate"},
        )
        weakref.finalize(self, self.client.close)

    def get(
        self,
        url: str,
        *,
        limit_bytes: int,
        headers: Mapping[str, str] | None = None,
        wanted: Callable[[str], bool] = lambda _: True,
        readable: Callable[[str], bool] = lambda _: True,
    ) -> Answer:
        """Return the answer, of any status below 500 but 429. A redirect to what is not `wanted` is not followed.

        The body is left where its media type is not `readable`. Raises RateLimited, Transient, Timeout, Auth (a
        certificate), or Malformed: FORBIDDEN_ADDRESS, UNSUPPORTED_TYPE, CORRUPT, BAD_ANSWER (too many redirects).
        """
        conditions = headers or {}
        self.transport.close_at(time.monotonic() + MOST_S)
        for _ in range(HOPS + 1):
            with calling(), _valid(), self.client.stream("GET", url, headers=dict(conditions)) as answer:
                target = _target(answer)
                if target is None:
                    _refuse(answer)
                    read = readable(answer.headers.get("content-type", ""))
                    body, whole = _body(answer, limit_bytes) if read else (b"", True)
                    return Answer(url, answer.status_code, answer.headers, body, whole)
                if not wanted(target):
                    return Answer(url, answer.status_code, leads_to=target)
                url, conditions = target, {}  # they were for the page that sends us on
        raise Malformed(Reason.BAD_ANSWER, f"more than {HOPS} redirects")


def _refuse(answer: httpx.Response) -> None:
    wait = asked_to_wait(answer.headers)
    if answer.status_code == BUSY or (answer.status_code == AWAY and wait):
        raise RateLimited(Reason.REMOTE_BUSY, retry_after=wait or A_MINUTE)
    if answer.status_code >= SERVER_ERROR:
        raise Transient(Reason.REMOTE_UNAVAILABLE, f"answered {answer.status_code}")


def _target(answer: httpx.Response) -> str | None:
    """Where a redirect leads; None for an answer that is none."""
    if answer.status_code not in REDIRECTS or "location" not in answer.headers:
        return None
    return str(answer.url.join(answer.headers["location"]).copy_with(fragment=None))


@contextmanager
def _valid() -> Iterator[None]:
    try:
        yield
    except httpx.InvalidURL as exc:
        raise Malformed(Reason.FORBIDDEN_ADDRESS, "it is no address, or leads to what is none") from exc


def _body(answer: httpx.Response, limit_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    for piece in _unpacked(answer.iter_raw(), answer.headers.get("content-encoding", "")):
        body += piece
        if len(body) > limit_bytes:
            return bytes(body[:limit_bytes]), False
    return bytes(body), True


def _unpacked(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a content encoding, never more than a piece at a time: a few bytes may stand for gigabytes."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Malformed(Reason.UNSUPPORTED_TYPE, "a content encoding that was not asked for")
    unpacking: Any = None
    try:
        for piece in pieces:
            unpacking = unpacking or zlib.decompressobj(_window(encoding, piece))
            packed = piece
            while packed:
                yield unpacking.decompress(packed, PIECE_BYTES)
                packed = unpacking.unconsumed_tail
    except zlib.error as exc:
        raise Malformed(Reason.CORRUPT, "a content encoding that is broken") from exc
    if unpacking is not None and not unpacking.eof:
        yield unpacking.decompress(b"", PIECE_BYTES)  # the last bytes may have been held back for want of room
    if unpacking is not None and not unpacking.eof:
        raise Transient(Reason.BAD_ANSWER, "half of an encoded page")


def _window(encoding: str, begin: bytes) -> int:
    """What zlib is to expect: gzip; or for deflate what RFC 9110 §8.4.1.2 says, or what some servers send instead."""
    if encoding != "deflate":
        return 16 + zlib.MAX_WBITS
    zlib_header = begin[:1] == b"\x78"
    return zlib.MAX_WBITS if zlib_header else -zlib.MAX_WBITS
