"""A connection to an IMAP server that reads and never writes; what goes wrong is raised as a class of failure."""

import imaplib
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ingestion.connectors.imap import folders
from ingestion.connectors.imap.answers import Garbled, Piece, Value, answers, fields, number, uids
from ingestion.connectors.imap.folders import ASKED, State
from ledger.failures import Auth, Failure, Gone, RateLimited, Timeout, Transient
from ledger.reasons import Reason

TIMEOUT_S = 60
BODY_BYTES = 1 << 20  # of what is no message
WAIT = timedelta(minutes=5)  # IMAP has no word for how long
CODE = re.compile(r"\[([A-Z][A-Z-]*)")
# Response codes: RFC 3501 §7.1, RFC 5530 §3, RFC 9208 §5.
REFUSED = {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN", "NOPERM"}
BUSY = {"LIMIT", "OVERQUOTA", "THROTTLED"}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Account:
    """Where a mailbox is, and the key to it: a password, or a token of OAuth 2."""

    host: str
    user: str
    port: int
    security: str
    ca_file: str
    password: str = field(repr=False)
    token: str = field(repr=False)

    def context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as exc:
            raise Auth(Reason.UNTRUSTED, "the ca_file cannot be read") from exc


@contextmanager
def asking(*, key: bool = False) -> Iterator[None]:
    """Raise what imaplib raises as a class of failure; with `key`, a refusal without a code is one of the key."""
    try:
        yield
    except ssl.SSLCertVerificationError as exc:
        raise Auth(
            Reason.UNTRUSTED, "see the host's name and the certificate's dates, or give its CA as ca_file"
        ) from exc
    except TimeoutError as exc:
        raise Timeout(Reason.REMOTE_SLOW) from exc
    except imaplib.IMAP4.abort as exc:
        raise told(str(exc)) from exc
    except imaplib.IMAP4.error as exc:
        raise told(_words(exc), key=key) from exc
    except Garbled as exc:
        raise Transient(Reason.BAD_ANSWER) from exc
    except OSError as exc:
        raise Transient(Reason.REMOTE_UNAVAILABLE, type(exc).__name__) from exc


def told(words: str, *, key: bool = False) -> Failure:
    """What the code in a server's refusal means; its words mean nothing."""
    found = CODE.search(words)
    code = found[1] if found else ""
    if code in BUSY:
        return RateLimited(Reason.REMOTE_BUSY, retry_after=WAIT)
    if code in ("NONEXISTENT", "TRYCREATE"):
        return Gone(Reason.VANISHED)
    if code in REFUSED or (key and code not in ("UNAVAILABLE", "INUSE", "SERVERBUG")):
        return Auth(Reason.KEY_REFUSED, f"the server says {code}" if code else "the server refused to let us in")
    return Transient(Reason.REMOTE_UNAVAILABLE, f"the server says {code}" if code else "the connection was lost")


class _Bounded(imaplib.IMAP4):
    """imaplib, but what the server sends has limits, and what it sent short is an error."""

    most_bytes = BODY_BYTES

    def __init__(self, account: Account) -> None:
        self.context = account.context() if account.security == "tls" else None
        super().__init__(account.host, account.port, TIMEOUT_S)

    def _create_socket(self, timeout: float | None) -> Any:
        plain = super()._create_socket(timeout)  # type: ignore[misc]  # not in the stubs
        if not self.context:
            return plain
        try:
            return self.context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def read(self, size: int) -> bytes:
        if size > self.most_bytes:
            raise self.abort("more than was asked for")
        data = super().read(size)
        if len(data) < size:
            raise self.abort("cut short")
        return data


class Session:
    """Logged in, until it is closed. Folders are opened by EXAMINE alone, bodies fetched by PEEK alone."""

    def __init__(self, account: Account) -> None:
        with asking():
            self.wire = _Bounded(account)
            try:
                self._enter(account)
            except BaseException:
                self.close()
                raise
        self.open_folder = ""
        self.uidvalidity = 0
        self.resyncs = False

    def _enter(self, account: Account) -> None:
        if account.security == "starttls":
            with asking():
                if "STARTTLS" not in self.wire.capabilities:
                    raise Auth(Reason.UNTRUSTED, "the server offers no STARTTLS; the key was not sent")
                self.wire.starttls(account.context())
        if "LOGINDISABLED" in self.wire.capabilities:
            raise Auth(Reason.KEY_REFUSED, "the server lets nobody in this way; try security tls or starttls")
        with asking(key=True):
            if account.token:
                words = f"user={account.user}\1auth=Bearer {account.token}\1\1".encode()
                # a second question is the server's complaint about the token, and wants an empty answer
                given = iter((words,))
                self.wire.authenticate("XOAUTH2", lambda _: next(given, b""))
            elif (account.user + account.password).isascii():
                self.wire.login(account.user, account.password)
            else:
                words = f"\0{account.user}\0{account.password}".encode()
                self.wire.authenticate("PLAIN", lambda _: words)
            said = self.wire.response("CAPABILITY")[1][-1] or self.wire.capability()[1][-1]
        self.can = frozenset(said.decode("ascii", "replace").upper().split())

    def close(self) -> None:
        try:
            self.wire.shutdown()
        except (OSError, AttributeError):  # it was never open, or is lost
            return

    def folders(self, patterns: Sequence[str]) -> dict[str, State]:
        """The folders that are wanted, with their states: one round trip if the server has LIST-STATUS (RFC 5819)."""
        asked = " ".join((*ASKED, *(["HIGHESTMODSEQ"] if "CONDSTORE" in self.can else [])))
        returned = ["SPECIAL-USE"] if {"SPECIAL-USE", "LIST-EXTENDED"} <= self.can else []
        returned += [f"STATUS ({asked})"] if "LIST-STATUS" in self.can else []
        with asking():
            self.wire.response("STATUS")
            data = self._done(self.wire.list('""', '"*"' + (f" RETURN ({' '.join(returned)})" if returned else "")))
            names = [name for name, told in folders.listed(data) if folders.wanted(name, told, patterns)]
            known = dict(folders.states(self.wire.response("STATUS")[1]))
            for name in names:
                if name not in known:  # a server that cannot tell it along says nothing (RFC 5819 §2)
                    known |= dict(folders.states(self._done(self.wire.status(folders.encoded(name), f"({asked})"))))
            if not known.keys() >= set(names):
                raise Transient(Reason.BAD_ANSWER, "the server does not tell the state of a folder that it has")
        return {name: known[name] for name in sorted(names)}

    def open(self, folder: str, *, since: tuple[int, int] | None = None) -> list[range] | None:
        """Open a folder to be read. Given a UIDVALIDITY and a MODSEQ, return what vanished since (RFC 7162 §3.2.5).

        That may name more than there was. None: the server does not tell.
        """
        resync = since if since and "QRESYNC" in self.can else None
        if folder == self.open_folder and not resync:
            return None
        with asking():
            if resync and not self.resyncs:
                if self.open_folder:  # RFC 5161 §3.1: ENABLE wants none; after EXAMINE, CLOSE changes nothing
                    self.wire.close()
                self.wire.enable("QRESYNC")
                self.resyncs = True
            extra = f" (QRESYNC ({resync[0]} {resync[1]}))" if resync else ""
            self.open_folder = ""
            self._done(self.wire.select(folders.encoded(folder) + extra, readonly=True))
            self.uidvalidity = number(self.wire.response("UIDVALIDITY")[1][-1])
            vanished = [bytes(line) for line in self.wire.response("VANISHED")[1] if isinstance(line, bytes)]
            self.open_folder = folder
            return [each for line in vanished for each in uids(line.split()[-1])] if resync else None

    def leave(self) -> None:
        """Have the folder opened anew when it is next needed: what went meanwhile is seen then."""
        self.open_folder = ""

    def search(self, first: int, last: int) -> list[range]:
        """The UIDs that the open folder has, of these."""
        compact = "ESEARCH" in self.can
        with asking():
            self.wire.response("ESEARCH")
            data = self._done(self.wire.uid("SEARCH", *(["RETURN (ALL)"] if compact else []), f"UID {first}:{last}"))
            if compact:
                said = next(answers(self.wire.response("ESEARCH")[1]), [])
                return list(uids(said[-1])) if said[-2:-1] == [b"ALL"] and isinstance(said[-1], bytes) else []
            plain = data[-1] if isinstance(data[-1], bytes) else b""
            return [range(uid, uid + 1) for uid in map(number, plain.split())]

    def fetch(self, wanted: str, items: str, *, most_bytes: int = BODY_BYTES) -> dict[int, dict[str, Value]]:
        """What the open folder has of these UIDs; nothing for one that is not there.

        What a server says of a message's flags meanwhile, unasked, is an answer of its own.
        """
        self.wire.most_bytes = most_bytes
        found: dict[int, dict[str, Value]] = {}
        with asking():
            for _, *told in answers(self._done(self.wire.uid("FETCH", wanted, f"(UID {items})"))):
                known = fields(told[0]) if told else {}
                if "UID" in known:
                    found.setdefault(number(known["UID"]), {}).update(known)
        return found

    @staticmethod
    def _done(answer: tuple[str, list[Any]]) -> Sequence[Piece | None]:
        typ, data = answer
        if typ != "OK":
            raise told(_words(data[-1]))
        return data


def _words(said: object) -> str:
    if isinstance(said, BaseException):
        said = said.args[0] if said.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
