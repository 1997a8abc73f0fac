"""The parts of a message, as its server describes them: RFC 3501 §6.4.5 numbers them, §7.4.2 describes them."""

import base64
import binascii
import quopri
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import collapse_rfc2231_value, decode_params
from pathlib import PurePosixPath

from ingestion.connectors.imap.answers import Value
from ingestion.reading.kinds import MAIL, SUFFIXES

ENVELOPE_AND_BODY = 3  # the fields that a message within a message has beside those of any part
NAME_CHARS = 200


@dataclass(frozen=True)
class Part:
    """One leaf of a message; `section` is how it is fetched."""

    section: str
    media_type: str
    encoding: str
    size_bytes: int
    name: str
    disposition: str

    @property
    def is_attachment(self) -> bool:
        """Whether it is more than the letter's own text or an image in it."""
        if self.disposition == "attachment" or self.media_type == MAIL:
            return True
        return bool(self.name) and not self.media_type.startswith("image/")

    @property
    def is_readable(self) -> bool:
        return self.media_type in SUFFIXES.values() or PurePosixPath(self.name).suffix.lower() in SUFFIXES

    def decoded(self, data: bytes) -> bytes:
        """The part's own bytes. What is no valid base64 is taken as far as it goes."""
        if self.encoding == "base64":
            plain = bytes(byte for byte in data if byte not in b" \t\r\n")
            try:
                return base64.b64decode(plain + b"=" * (-len(plain) % 4))
            except binascii.Error:
                return b""
        return quopri.decodestring(data) if self.encoding == "quoted-printable" else data


def parts(structure: Value, prefix: str = "") -> Iterator[Part]:
    """Yield the leaves, in order. A message within a message is one."""
    if not isinstance(structure, list) or not structure:
        return
    if not isinstance(structure[0], list):
        yield _leaf(structure, prefix or "1")
        return
    children = [child for child in structure if isinstance(child, list)]
    for n, child in enumerate(structure, 1):
        if not isinstance(child, list) or n > len(children):
            return
        section = f"{prefix}.{n}" if prefix else str(n)
        yield from parts(child, section)


def _leaf(fields: list[Value], section: str) -> Part:
    kind, subtype = (_text(value).lower() for value in [*fields, None, None][:2])
    extra = ENVELOPE_AND_BODY if (kind, subtype) == ("message", "rfc822") else int(kind == "text")
    rest = (fields + [None] * 12)[: 9 + extra]
    disposition = rest[8 + extra]
    told = disposition if isinstance(disposition, list) else []
    size = rest[6]
    return Part(
        section,
        f"{kind}/{subtype}",
        _text(rest[5]).lower(),
        int(size) if isinstance(size, bytes) and size.isdigit() else 0,
        _name(told[1] if len(told) > 1 else None, "filename") or _name(rest[2], "name"),
        _text(told[0]).lower() if told else "",
    )


def _name(parameters: Value, key: str) -> str:
    """A file's name, in whichever of the ways it is written: plain, RFC 2047 or RFC 2231."""
    if not isinstance(parameters, list):
        return ""
    given = [
        (_text(name).lower(), _text(value)) for name, value in zip(parameters[::2], parameters[1::2], strict=False)
    ]
    try:
        found = dict(decode_params([("", ""), *given])).get(key, "")
        whole = collapse_rfc2231_value(found).strip('"')
        plain = str(make_header(decode_header(whole))) if "=?" in whole else whole
    except (HeaderParseError, LookupError, ValueError):
        return ""
    return "".join(letter for letter in plain if letter.isprintable()).rpartition("/")[2][-NAME_CHARS:]


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
