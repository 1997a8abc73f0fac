"""imap: the messages of a mailbox, and the files attached to them."""

import re
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TypeVar

from ingestion.connectors.imap.answers import Value, number
from ingestion.connectors.imap.folders import State
from ingestion.connectors.imap.headers import told_by
from ingestion.connectors.imap.parts import parts
from ingestion.connectors.imap.refreshing import Refresher
from ingestion.connectors.imap.session import LOOPBACK, Account, Session
from ingestion.ports import (
    Checkpoint,
    Content,
    Cursor,
    Entry,
    Listed,
    ScopeComplete,
    Signs,
    Tombstone,
    Unlisted,
)
from ingestion.reading.kinds import MAIL
from ledger.failures import Auth, Gone, Malformed, Transient
from ledger.reasons import Reason

PORTS = {"tls": 993, "starttls": 143, "none": 143}
PORT_MOST = 65_535
HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")
AT_ONCE = 1_000  # messages described in one answer
SEARCHED = 50_000  # UIDs asked for in one answer, which is a line: imaplib reads a million bytes of one
AHEAD, AHEAD_BYTES = 100, 4 << 20  # bodies fetched in one answer
FEW = 50  # deletions that are told one by one; for more the folder is listed whole
UNSURE = -1  # fewer than any folder has: it will be listed whole
ENCODED = 1.4  # base64 with its line breaks, at most
ATTACHMENT = "/attachment/"
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where an item is: a message, or a part of it."""

    folder: str
    uidvalidity: int
    uid: int
    section: str = ""


class Imap:
    """Lists and reads the messages of a mailbox, and what is attached to them. Leaves unread what was unread.

    `folders` are shell patterns over the folders' names; without any, all but junk, trash, drafts and those that repeat
    the others. The key is a `password` (of the account, or of the app), an OAuth 2 `token`, or a `refresh_token` with
    which tokens are asked for at `token_url`.
    """

    kind = "imap"

    def __init__(
        self,
        host: str,
        user: str,
        *,
        password: str = "",
        token: str = "",
        refresh_token: str = "",
        client_secret: str = "",
        token_url: str = "",
        client_id: str = "",
        scope: str = "",
        folders: str | Sequence[str] = (),
        security: str = "tls",
        port: int | str | None = None,
        ca_file: str = "",
        attachments: bool = True,
    ) -> None:
        if security not in PORTS:
            raise ValueError(f"security is one of {', '.join(PORTS)}")
        if not isinstance(attachments, bool):
            raise ValueError("attachments is true or false, not a text")  # noqa: TRY004  bad options are ValueErrors
        if not HOST.fullmatch(host):
            raise ValueError("host: its name or address alone, such as imap.example.org; a port goes in port")
        if port and not (str(port).isdecimal() and int(port) <= PORT_MOST):
            raise ValueError(f"port: a number from 1 to {PORT_MOST}")
        self.account = Account(host, user, int(port or PORTS[security]), security, ca_file, password, token)
        self.given = refresh_token
        self.refresher = Refresher(token_url, client_id, client_secret, refresh_token, scope) if refresh_token else None
        self.patterns = (folders,) if isinstance(folders, str) else tuple(folders)
        self.attachments = attachments
        self.sizes: dict[str, int] = {}  # of what was listed and not asked for yet
        self.ahead: dict[str, int] = {}  # what will be read next, with its size
        self.bodies: dict[str, bytes] = {}  # what was fetched along with another
        self.sessions: list[Session] = []
        self.lost: Transient | None = None
        weakref.finalize(self, _hang_up, self.sessions)

    def check(self) -> str:
        found = self._ask(lambda session: session.folders(self.patterns))
        return f"{sum(state.messages for state in found.values())} messages in {len(found)} folders"

    def renewed(self) -> Mapping[str, str]:
        fresh = self.refresher.refresh_token if self.refresher else ""
        before, self.given = self.given, fresh
        return {"refresh_token": fresh} if fresh != before else {}

    def expect(self, external_ids: Sequence[str]) -> None:
        self.ahead = {name: self.sizes[name] for name in external_ids if name in self.sizes}
        self.sizes, self.bodies = {}, {}

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        before = {name: State(**state) for name, state in cursor.get("folders", {}).items()}
        if cursor.get("attachments", self.attachments) != self.attachments:  # it was listed by another option
            before = {name: replace(state, uidvalidity=UNSURE) for name, state in before.items()}
        now = self._ask(lambda session: session.folders(self.patterns))
        done = {name: state for name, state in before.items() if name in now}
        for name in sorted(before.keys() - now.keys()):
            yield ScopeComplete(0, below=f"{escaped(name)}/")
        yield self._checkpoint(done)
        for name, state in now.items():
            was = before.get(name)
            if not was or was.uidvalidity != state.uidvalidity or was.uidnext > state.uidnext:
                done[name] = yield from self._whole(name, state)
            elif was.same(state):
                done[name] = state
            else:
                done[name] = yield from self._changes(name, was, state)
            yield self._checkpoint(done)

    def _checkpoint(self, done: Mapping[str, State]) -> Checkpoint:
        return Checkpoint(
            {"folders": {name: asdict(state) for name, state in done.items()}, "attachments": self.attachments}
        )

    def _whole(self, name: str, state: State) -> Generator[Entry, None, State]:
        """All of a folder. Where the server describes fewer messages than it counts, none is taken for gone yet."""
        count = described = 0
        for entry in self._described(name, state, 1):
            count += isinstance(entry, Listed)
            described += _is_message(entry)
            yield entry
        if described < state.messages:
            return replace(state, messages=UNSURE)
        yield ScopeComplete(count, below=f"{escaped(name)}/")
        return state

    def _changes(self, name: str, was: State, state: State) -> Generator[Entry, None, State]:
        """What came, and what went. Where the server cannot tell what went, or it is much, all is listed."""
        vanished: Sequence[range] | None = None
        if was.modseq and state.messages - was.messages != state.uidnext - was.uidnext:
            vanished = self._ask(lambda session: session.open(name, since=(was.uidvalidity, was.modseq)))
        new = list(self._described(name, state, was.uidnext)) if state.uidnext > was.uidnext else []
        lost = was.messages + sum(map(_is_message, new)) - state.messages
        named = sum(map(len, vanished or ()))
        if lost < 0 or lost > named or named > FEW:
            return (yield from self._whole(name, state))
        yield from new
        count = sum(isinstance(entry, Listed) for entry in new)
        for uid in (uid for each in vanished or () for uid in each):
            message = _message(name, state, uid)
            yield Tombstone(message)
            yield ScopeComplete(count, below=message + ATTACHMENT)
            count = 0
        return state

    def _described(self, name: str, state: State, first: int) -> Iterator[Entry]:
        """The folder's messages from this UID on, up to those that came after it was looked at."""
        last = state.uidnext - 1
        few = last - first < AT_ONCE
        for page in _pages([range(first, last + 1)] if few else self._there(name, state, first)):
            found = self._ask(partial(_described, name=name, state=state, wanted=page))
            for uid in sorted(uid for uid in found if first <= uid <= last):  # a range always has its last: §6.4.8
                yield from self._message(_message(name, state, uid), found[uid])

    def _there(self, name: str, state: State, first: int) -> Iterator[range]:
        """The UIDs from this one on, asked for so that none of the answers is too long for a line."""
        step = SEARCHED if state.messages > SEARCHED else state.uidnext
        for start in range(first, state.uidnext, step):
            yield from self._ask(partial(_there, name=name, state=state, first=start, last=start + step - 1))

    def _message(self, name: str, told: Mapping[str, Value]) -> Iterator[Entry]:
        size = number(told.get("RFC822.SIZE") or b"0")
        self.sizes[name] = size
        yield Listed(name, "1", size, MAIL, Signs.IMMUTABLE)
        for part in parts(told.get("BODYSTRUCTURE")) if self.attachments else ():
            own = f"{name}{ATTACHMENT}{part.section}"
            if part.is_attachment and part.is_readable:
                yield Listed(own, "1", 0, part.media_type, Signs.IMMUTABLE)
            elif part.is_attachment:
                yield Unlisted(own, Reason.UNSUPPORTED_TYPE)

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        place = _place(external_id)
        if place.section:
            return self._attachment(place, external_id.partition(ATTACHMENT)[0], limit_bytes)
        if external_id not in self.bodies:
            self._fetch_ahead(external_id, place, limit_bytes)
        try:
            data = self.bodies.pop(external_id)
        except KeyError as exc:
            raise Gone(Reason.VANISHED) from exc
        if len(data) > limit_bytes:
            raise Malformed(Reason.TOO_LARGE)
        return Content(data, MAIL, {"folder": place.folder, **told_by(data)})

    def _fetch_ahead(self, external_id: str, place: Place, limit_bytes: int) -> None:
        """Fetch the message, and with it some that are read next: a round trip for each would take a mailbox hours."""
        together, size = {place.uid: external_id}, self.ahead.pop(external_id, 0)
        for name in list(self.ahead):
            other = _place(name)
            size += self.ahead[name]
            if len(together) == AHEAD or size > AHEAD_BYTES or other.folder != place.folder:
                break
            if not other.section and other.uidvalidity == place.uidvalidity:
                together[other.uid] = name
            del self.ahead[name]
        wanted = ",".join(map(str, sorted(together)))
        found = self._fetched(place, wanted, f"BODY.PEEK[]<0.{limit_bytes + 1}>", limit_bytes + 1)
        for uid, name in together.items():
            if isinstance(body := found.get(uid, {}).get("BODY[]"), bytes):
                self.bodies[name] = body

    def _attachment(self, place: Place, message: str, limit_bytes: int) -> Content:
        most = int(limit_bytes * ENCODED) + 1
        items = f"BODYSTRUCTURE BODY.PEEK[{place.section}]<0.{most}>"
        told = self._fetched(place, str(place.uid), items, most).get(place.uid, {})
        part = next((each for each in parts(told.get("BODYSTRUCTURE")) if each.section == place.section), None)
        body = told.get(f"BODY[{place.section}]")
        if not isinstance(body, bytes) or not part:
            raise Gone(Reason.VANISHED)
        data = part.decoded(body)
        if len(data) > limit_bytes or len(body) >= most:
            raise Malformed(Reason.TOO_LARGE)
        metadata = {"folder": place.folder, "part_of": message}
        return Content(data, part.media_type, metadata | ({"path": part.name} if part.name else {}))

    def _fetched(self, place: Place, wanted: str, items: str, most_bytes: int) -> Mapping[int, Mapping[str, Value]]:
        """What the server has of these messages. Raises Transient if it has the one at `place` and withholds it.

        A folder that is open still has what was expunged meanwhile, without its words: it is opened anew to be sure.
        """

        def fetch(session: Session) -> Mapping[int, Mapping[str, Value]]:
            session.open(place.folder)
            if session.uidvalidity != place.uidvalidity:
                raise Gone(Reason.VANISHED)
            return session.fetch(wanted, items, most_bytes=most_bytes)

        def withheld(found: Mapping[int, Mapping[str, Value]]) -> bool:
            return place.uid in found and not isinstance(found[place.uid].get(f"BODY[{place.section}]"), bytes)

        if withheld(found := self._ask(fetch)):
            self._ask(Session.leave)
            if withheld(found := self._ask(fetch)):
                raise Transient(Reason.BAD_ANSWER, "the server has the message and does not give it")
        return found

    def _ask(self, question: Callable[[Session], T]) -> T:
        """Ask over the one connection, which is made when it is needed. A server that is away is not called twice."""
        if self.lost:
            raise self.lost
        try:
            if not self.sessions:
                self.sessions.append(self._connected())
            return question(self.sessions[0])
        except (Transient, Auth):
            _hang_up(self.sessions)
            raise

    def _connected(self) -> Session:
        account = self.account
        if account.security == "none" and account.host not in LOOPBACK:
            raise Auth(Reason.UNTRUSTED, "security none is for this machine itself; use tls or starttls")
        if not (account.password or account.token or self.refresher):
            raise Auth(Reason.KEY_REFUSED, "there is no password, token or refresh_token; set one as a secret")
        if not (account.user + account.password + account.token).isprintable():
            raise Auth(Reason.KEY_REFUSED, "user, password and token are on one line")
        try:
            return self._refreshed(self.refresher) if self.refresher else Session(account)
        except Transient as failure:
            self.lost = failure
            raise

    def _refreshed(self, refresher: Refresher) -> Session:
        """Enter by a token that there is, or by a new one where it is taken no more."""
        token = refresher.token()
        try:
            return Session(replace(self.account, token=token))
        except Auth:
            if not refresher.refused():
                raise
        return Session(replace(self.account, token=refresher.token()))


def _hang_up(sessions: list[Session]) -> None:
    while sessions:
        sessions.pop().close()


def _there(session: Session, name: str, state: State, first: int, last: int) -> Sequence[range]:
    _enter(session, name, state)
    return session.search(first, min(last, state.uidnext - 1))


def _described(session: Session, name: str, state: State, wanted: str) -> dict[int, Mapping[str, Value]]:
    _enter(session, name, state)
    found = session.fetch(wanted, "RFC822.SIZE BODYSTRUCTURE")
    return {uid: told for uid, told in found.items() if "BODYSTRUCTURE" in told}


def _enter(session: Session, name: str, state: State) -> None:
    session.open(name)
    if session.uidvalidity != state.uidvalidity:
        raise Transient(Reason.REMOTE_UNAVAILABLE, "a folder was made anew while it was listed")


def _is_message(entry: Entry) -> bool:
    return isinstance(entry, Listed) and ATTACHMENT not in entry.external_id


def _pages(there: Iterable[range]) -> Iterator[str]:
    """The UIDs in sets of so many."""
    page, room = [], AT_ONCE
    for each in there:
        first = each.start
        while first < each.stop:
            last = min(each.stop, first + room) - 1
            page.append(f"{first}:{last}")
            room -= last + 1 - first
            first = last + 1
            if not room:
                yield ",".join(page)
                page, room = [], AT_ONCE
    if page:
        yield ",".join(page)


def escaped(folder: str) -> str:
    """A folder's name without the sign that ends it in an item's."""
    return folder.replace("%", "%25").replace("/", "%2F")


def _message(folder: str, state: State, uid: int) -> str:
    return f"{escaped(folder)}/{state.uidvalidity}/{uid}"


def _place(external_id: str) -> Place:
    message, _, section = external_id.partition(ATTACHMENT)
    folder, uidvalidity, uid = message.rsplit("/", 2)
    plain = folder.replace("%2F", "/").replace("%25", "%")
    return Place(plain, int(uidvalidity), int(uid), section)
