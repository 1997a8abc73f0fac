"""A mailbox's folders: their names, and what tells whether one changed."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ingestion.connectors.imap.answers import Garbled, Piece, answers, fields, number

ASKED = ("UIDVALIDITY", "UIDNEXT", "MESSAGES")
# Not taken unless they are named: what was thrown away or never sent, and what only repeats the other folders.
LEFT_OUT = frozenset({"\\junk", "\\trash", "\\drafts", "\\all", "\\flagged", "\\important"})
NO_FOLDERS = frozenset({"\\noselect", "\\nonexistent"})
SHIFTED = re.compile(r"&([^-]*)-")
UNSAFE = re.compile(r"&|[^\x20-\x7e]+")


@dataclass(frozen=True)
class State:
    """Two equal states of a folder: no message came, none went. Flags do not matter."""

    uidvalidity: int
    uidnext: int
    messages: int
    modseq: int = 0  # 0: the server keeps none

    def same(self, other: "State") -> bool:
        return (self.uidvalidity, self.uidnext, self.messages) == (other.uidvalidity, other.uidnext, other.messages)


def listed(data: Sequence[Piece | None]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the folders of LIST that can be opened, with their attributes in small letters."""
    for found in answers(data):
        attributes, name = found[0], found[-1]
        if not isinstance(attributes, list) or not isinstance(name, bytes):
            raise Garbled
        told = frozenset(each.decode("ascii", "replace").lower() for each in attributes if isinstance(each, bytes))
        if not told & NO_FOLDERS:
            yield decoded(name), told


def states(data: Sequence[Piece | None]) -> Iterator[tuple[str, State]]:
    """Yield what STATUS says of each folder."""
    for name, told in answers(data):
        known = fields(told)
        if not isinstance(name, bytes) or not known.keys() >= set(ASKED):
            raise Garbled
        uidvalidity, uidnext, messages = (number(known[key]) for key in ASKED)
        yield decoded(name), State(uidvalidity, uidnext, messages, number(known.get("HIGHESTMODSEQ") or b"0"))


def wanted(name: str, attributes: frozenset[str], patterns: Sequence[str]) -> bool:
    if patterns:
        return any(fnmatchcase(name, pattern) for pattern in patterns)
    return not attributes & LEFT_OUT


def encoded(name: str) -> str:
    """The folder's name as the protocol quotes it, in its own UTF-7 (RFC 3501 §5.1.3)."""

    def shift(found: re.Match[str]) -> str:
        if found[0] == "&":
            return "&-"
        return "&" + base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-"

    plain = UNSAFE.sub(shift, name)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def decoded(name: bytes) -> str:
    """Raises nothing: a name that is not valid UTF-7 stands for itself, or for what UTF-8 makes of it."""

    def unshift(found: re.Match[str]) -> str:
        if not found[1]:
            return "&"
        padded = found[1].replace(",", "/") + "=" * (-len(found[1]) % 4)
        return base64.b64decode(padded, validate=True).decode("utf-16-be")

    if name.upper() == b"INBOX":  # in whatever letters: RFC 3501 §5.1
        return "INBOX"
    try:
        return SHIFTED.sub(unshift, name.decode("ascii"))
    except ValueError:
        return name.decode("utf-8", "replace")
