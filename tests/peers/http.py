"""A real HTTP server on the loopback whose answers a test decides, and which breaks when it is told to."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.contracts.worlds.world import Cut


@dataclass
class Request:
    method: str
    target: str  # path and query, as they came
    headers: dict[str, str]  # names in lower case
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Peer:
    """Serves what `answer` makes of a request. `asked` are the requests so far, to which `clear` puts an end.

    `away`: it hangs up at once. `cuts` maps the number of an answer to the Cut that breaks it half-way. `overrule` may
    answer in the place of `answer`.
    """

    def __init__(self, answer: Callable[[Request], Answer], context: ssl.SSLContext | None = None) -> None:
        self.answer, self.asked = answer, list[Request]()
        self.is_away, self.cuts = False, dict[int, Cut]()
        self.overrule: Callable[[Request], Answer | None] = lambda _: None
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"peer": self}))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that went away is what many tests are about
        if context:
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def clear(self) -> None:
        self.asked.clear()

    def heal(self) -> None:
        self.is_away, self.cuts, self.overrule = False, {}, lambda _: None
        self.clear()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.is_away = True
        yield
        self.is_away = False

    @contextmanager
    def answering(self, overrule: Callable[[Request], Answer | None]) -> Iterator[None]:
        self.overrule = overrule
        yield
        self.overrule = lambda _: None

    @contextmanager
    def cut_at(self, exchange: int) -> Iterator[Cut]:
        cut = Cut()
        self.cuts = {len(self.asked) + exchange: cut}
        yield cut
        self.cuts = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    peer: Peer

    def handle_one(self) -> None:
        number = len(self.peer.asked)
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.peer.asked.append(request)
        if self.peer.is_away:
            self.hang_up()
            return
        self.tell(self.peer.overrule(request) or self.peer.answer(request), self.peer.cuts.get(number))

    do_GET = do_POST = do_HEAD = handle_one

    def tell(self, answer: Answer, cut: Cut | None) -> None:
        self.send_response_only(answer.status)
        headers = {"Date": formatdate(usegmt=True), "Content-Length": str(len(answer.body))} | answer.headers
        if answer.status == 304:
            del headers["Content-Length"]
        for name, value in headers.items():
            self.send_header(name, value)
        if cut and not answer.body:  # nothing to cut in the body: the head is cut
            cut.happened = True
            self.hang_up()
            return
        self.end_headers()
        if cut:
            cut.happened = True
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self.wfile.flush()
            self.hang_up()
        elif self.command != "HEAD":
            self.wfile.write(answer.body)

    def hang_up(self) -> None:
        """Reset the connection, as a peer does that dies."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
