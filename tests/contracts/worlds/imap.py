"""A mailbox on a real server, behind a relay that can spoil it."""

import imaplib
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors.imap.session import WAIT
from tests.contracts.worlds.world import Cut, World
from tests.peers.dovecot import PASSWORD, Dovecot, lacking
from tests.peers.relay import Relay
from tests.peers.tls import self_signed
from tests.peers.tokens import Tokens

WHEN = '"02-May-2024 10:15:00 +0000"'


class Mailbox(World):
    kind = "imap"

    def __init__(self, folder: Path) -> None:  # noqa: ARG002  its path is too long for Dovecot's sockets
        if why := lacking():
            pytest.skip(f"imap: {why}")
        self.folder = Path(tempfile.mkdtemp(prefix="imap-"))
        self.folder.chmod(0o755)
        context = self_signed(self.folder)
        self.tokens = Tokens()
        self.dovecot = Dovecot(self.folder, self.tokens.url)
        self.relay = Relay(self.dovecot.port, context)
        self.serial = count(1)
        self.wire: imaplib.IMAP4 | None = None
        self.reset()

    def close(self) -> None:
        self._leave()
        self.relay.close()
        self.dovecot.close()
        self.tokens.close()
        shutil.rmtree(self.folder)

    def _leave(self) -> None:
        if self.wire:
            self.wire.logout()

    def reset(self) -> None:
        """A new user: an account is made by logging in."""
        self._leave()
        self.user = f"user{next(self.serial)}"
        self.relay.reset()
        self.places: dict[str, tuple[str, str, str]] = {}  # folder, UIDVALIDITY, UID
        self.wire = imaplib.IMAP4("127.0.0.1", self.dovecot.port)
        self.wire.login(self.user, PASSWORD)
        self.ask(self.wire.create("Archive"))
        self.ask(self.wire.select("INBOX"))

    @staticmethod
    def ask(answer: tuple[str, list[Any]]) -> Any:
        typ, data = answer
        assert typ == "OK", data
        return data[-1]

    def options(self) -> dict[str, Any]:
        certificate = str(self.folder / "certificate.pem")
        return {"host": "127.0.0.1", "port": self.relay.port, "user": self.user, "ca_file": certificate}

    def secrets(self) -> dict[str, str]:
        return {"password": PASSWORD}

    def external_id(self, name: str) -> str:
        return "/".join(self.places[name])

    def put(self, name: str, text: str) -> None:
        if name in self.places:
            self.delete(name)
        self.put_at_once({name: text})

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self.append(name, letter(name, text))

    def append(self, name: str, message: bytes, folder: str = "INBOX") -> None:
        said = self.ask(self.wire.append(folder, None, WHEN, message))
        self.places[name] = (folder, *re.search(r"APPENDUID (\d+) (\d+)", said.decode()).groups())

    def delete(self, name: str) -> None:
        _, _, uid = self.places.pop(name)
        self.ask(self.wire.uid("STORE", uid, "+FLAGS", r"(\Deleted)"))
        self.ask(self.wire.expunge())

    def rename(self, name: str, new: str) -> None:
        """A message that is moved has another UID, in another folder."""
        _, _, uid = self.places.pop(name)
        self.wire.untagged_responses.clear()
        self.ask(self.wire.uid("MOVE", uid, "Archive"))
        said = self.wire.response("COPYUID")[1][-1] or self.wire.untagged_responses["OK"][-1]
        self.places[new] = ("Archive", *re.search(r"(\d+) \S+ (\d+)", said.decode()).groups())

    def away(self) -> AbstractContextManager[None]:
        return self.relay.away()

    def cut_at(self, exchange: int) -> AbstractContextManager[Cut]:
        return self.relay.cutting(exchange)

    def refusing(self) -> AbstractContextManager[None]:
        """The server gets to hear another password."""
        return self.relay.asking({PASSWORD.encode(): b"another"})

    @contextmanager
    def busy(self) -> Iterator[float]:
        with self.relay.saying(LOGIN=b"TAG NO [LIMIT] Too many of you"):
            yield WAIT.total_seconds()


def letter(subject: str, text: str, **headers: str) -> bytes:
    message = EmailMessage()
    message["From"] = "Ann Lee <ann@example.org>"
    message["To"] = "Bo Ek <bo@example.org>"
    message["Date"] = "Thu, 02 May 2024 10:15:00 +0200"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()
