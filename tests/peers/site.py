"""A web site whose pages a test puts, changes and breaks."""

import hashlib
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

from ingestion.connectors.web.addresses import plain
from tests.peers.http import Answer, Peer, Request

INVENTED = "sluicegate-asks"
PROSE = "It was a long summer, and the orchard stood in full leaf until the end of September. " * 12


@dataclass
class Page:
    body: bytes
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    tagged: bool = True


class Site:
    """Serves `pages` by their paths; what is in `gone` is answered with 410, what it does not have with `nothing`."""

    def __init__(self) -> None:
        self.peer = Peer(self.answer)
        self.reset()

    def reset(self) -> None:
        self.peer.heal()
        self.pages, self.gone = dict[str, Page](), set[str]()
        self.nothing: Callable[[str], Answer] = lambda _: Answer(404, b"Not Found", {"Content-Type": "text/html"})

    @property
    def url(self) -> str:
        return self.peer.url

    def address(self, path: str) -> str:
        return plain(self.url + path)

    def asked(self) -> list[str]:
        """What was asked since the last time; what was made up, to see how the site answers it, is INVENTED."""
        found = [INVENTED if INVENTED in request.target else request.target for request in self.peer.asked]
        self.peer.clear()
        return found

    def put(self, path: str, body: str | bytes = b"", *, links: tuple[str, ...] = (), head: str = "", **given) -> None:
        """Have a page with this text and links to these paths."""
        if isinstance(body, str) and "media_type" not in given:
            anchors = " ".join(f'<a href="{html.escape(link)}">on</a>' for link in links)
            paragraph = f"<article><h1>{html.escape(path)}</h1><p>{html.escape(body)}</p><p>{PROSE}</p></article>"
            body = f"<!doctype html><html><head><title>{path}</title>{head}</head><body>{paragraph}<nav>{anchors}</nav>"
        self.pages[path] = Page(body.encode() if isinstance(body, str) else body, **given)
        self.gone.discard(path)

    def answer(self, request: Request) -> Answer:
        path = unquote(request.path) + (f"?{request.target.partition('?')[2]}" if "?" in request.target else "")
        if path in self.gone:
            return Answer(410, b"Gone")
        page = self.pages.get(path)
        if page is None:
            return self.nothing(path)
        headers = {"Content-Type": page.media_type} if page.media_type else {}
        headers |= {"ETag": f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'} if page.tagged else {}
        headers |= page.headers
        if page.tagged and request.headers.get("if-none-match") == headers["ETag"]:
            return Answer(304, headers={"ETag": headers["ETag"]})
        last = headers.get("Last-Modified")
        if last and request.headers.get("if-modified-since") == last and not request.headers.get("if-none-match"):
            return Answer(304)
        return Answer(page.status, page.body, headers)
