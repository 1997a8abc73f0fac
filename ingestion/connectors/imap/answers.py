"""What an IMAP server answers, out of the pieces that imaplib hands over: lists in lists, RFC 3501 §4."""

import re
from collections.abc import Iterator, Sequence

Value = bytes | None | list["Value"]
Piece = bytes | tuple[bytes, bytes]  # imaplib's: a line, or a line that a literal follows, and the literal
TOKEN = re.compile(
    rb"\s*(?:(?P<open>\()|(?P<close>\))|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<literal>\{\d+\}$)"
    rb"|(?P<atom>BODY\[[^\]]*\](?:<\d+>)?|[^\s()\"]+))"
)
DEPTH = 100


class Garbled(Exception):
    """An answer that cannot be taken apart."""


def answers(data: Sequence[Piece | None]) -> Iterator[list[Value]]:
    """Yield each untagged response as a list of its values: bytes, None for NIL, lists."""
    pieces: list[Piece] = []
    for piece in data:
        if piece is None:
            continue
        pieces.append(piece)
        if isinstance(piece, bytes):
            yield _parsed(pieces)
            pieces = []


def _parsed(pieces: Sequence[Piece]) -> list[Value]:
    stack: list[list[Value]] = [[]]
    for piece in pieces:
        line, literal = piece if isinstance(piece, tuple) else (piece, b"")
        at = 0
        while found := TOKEN.match(line, at):
            at = found.end()
            if found["open"]:
                stack.append([])
            elif found["close"]:
                inner = stack.pop()
                if not stack:
                    raise Garbled
                stack[-1].append(inner)
            else:
                stack[-1].append(literal if found["literal"] else _plain(found))
        if len(stack) > DEPTH or line[at:].strip():
            raise Garbled
    return stack[0]


def _plain(found: re.Match[bytes]) -> bytes | None:
    if found["quoted"] is not None:
        return re.sub(rb"\\(.)", rb"\1", found["quoted"])
    return None if found["atom"].upper() == b"NIL" else found["atom"]


def fields(values: Value) -> dict[str, Value]:
    """`UID 5 RFC822.SIZE 120` as a table; names in capitals, and without the offset of a partial body."""
    if not isinstance(values, list):
        return {}
    names = (str(name, "ascii", "replace").upper().partition("<")[0] for name in values[::2] if isinstance(name, bytes))
    return dict(zip(names, values[1::2], strict=False))


def number(value: Value) -> int:
    """Raises Garbled for what is none."""
    if not isinstance(value, bytes) or not value.isdigit():
        raise Garbled
    return int(value)


def uids(written: bytes) -> Iterator[range]:
    """A set of UIDs (`1:4,7`) as ranges."""
    for part in written.split(b","):
        first, _, last = part.partition(b":")
        ends = sorted((number(first), number(last or first)))
        yield range(ends[0], ends[1] + 1)
