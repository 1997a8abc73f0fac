"""A relay before an IMAP server, with TLS of its own, which counts what is asked and spoils what is answered."""

import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from tests.contracts.worlds.world import Cut

COMMAND = re.compile(rb"^(\S+) ((?:UID )?\w+)", re.MULTILINE)


class Relay:
    """Listens on loopback and passes on to `port`. `asked` are the commands that came, in order, `heard` all of them.

    `says` is what is answered in the server's place to a command, by its first word; nothing for
    silence. `asks` and `hears` are bytes that stand in the place of others in what the server is asked, and in what is
    heard from it.
    """

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.server, self.context = port, context
        self.reset()
        self.threads: list[threading.Thread] = []
        self.open: set[socket.socket] = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._listen()

    def reset(self) -> None:
        self.asked: list[str] = []
        self.heard = b""
        self.says: dict[str, bytes] = {}
        self.asks: Mapping[bytes, bytes] = {}
        self.hears: Mapping[bytes, bytes] = {}
        self.cut: Cut | None = None
        self.left = 0

    def _listen(self) -> None:
        self._begin(self._accept, self.listener)

    def _begin(self, work, *args) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # closed
            while True:
                plain, _ = listener.accept()
                self._begin(self._serve, plain)

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self.context.wrap_socket(plain, server_side=True)
        except (ssl.SSLError, OSError):  # it did not trust us
            plain.close()
            return
        server = socket.create_connection(("127.0.0.1", self.server))
        self.open |= {client, server}
        with suppress(OSError):
            while self._passed_on(client, server):
                pass
        self.open -= {client, server}
        client.close()
        server.close()

    def _passed_on(self, client: ssl.SSLSocket, server: socket.socket) -> bool:
        """Wait for either to say something and pass it on; whether it goes on. One thread: OpenSSL wants no two."""
        ready = [client] if client.pending() else select.select([client, server], [], [])[0]
        for speaker in ready:
            data = speaker.recv(1 << 16)
            if not data or (passed := (self._question if speaker is client else self._answer)(data, client)) is None:
                return False
            (server if speaker is client else client).sendall(passed)
        return True

    def _question(self, data: bytes, client: socket.socket) -> bytes | None:
        found = COMMAND.match(data)
        word = found[2].decode().upper() if found else ""
        self.asked.append(word)
        self.heard += data
        for command, answer in self.says.items():
            if found and word.startswith(command):
                if answer:
                    client.sendall(answer.replace(b"TAG", found[1]) + b"\r\n")
                return b""
        return swapped(data, self.asks)

    def _answer(self, data: bytes, client: socket.socket) -> bytes | None:
        data = swapped(data, self.hears)
        if self.cut and not self.cut.happened:
            if not self.left:
                self.cut.happened = True
                client.sendall(data[: len(data) // 2])
                return None
            self.left -= 1
        return data

    @contextmanager
    def cutting(self, exchange: int) -> Iterator[Cut]:
        self.cut, self.left = Cut(), exchange
        yield self.cut
        self.cut = None

    @contextmanager
    def saying(self, **answers: bytes) -> Iterator[None]:
        self.says = answers
        yield
        self.says = {}

    @contextmanager
    def asking(self, instead: Mapping[bytes, bytes]) -> Iterator[None]:
        self.asks = instead
        yield
        self.asks = {}

    @contextmanager
    def hearing(self, instead: Mapping[bytes, bytes]) -> Iterator[None]:
        self.hears = instead
        yield
        self.hears = {}

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens, and who was connected is not any more."""
        self._close()
        yield
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self._listen()

    def _close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._close()
        for thread in self.threads:
            thread.join(timeout=5)


def swapped(data: bytes, instead: Mapping[bytes, bytes]) -> bytes:
    for old, new in instead.items():
        data = data.replace(old, new)
    return data
