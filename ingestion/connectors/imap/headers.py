"""What a reference keeps of a message: who, whom, when, about what, and to which thread it belongs."""

import re
from datetime import UTC
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

HEAD_BYTES, TOLD_CHARS = 64 << 10, 300
END = re.compile(rb"\r?\n\r?\n")
MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")


def told_by(data: bytes) -> dict[str, str]:
    """The headers of a message as plain text. A thread goes by the id of the message that began it."""
    head = END.split(data[:HEAD_BYTES], 1)[0]
    message = message_from_bytes(head)

    def first(name: str) -> str:
        written = str(message.get(name, ""))
        try:
            plain = str(make_header(decode_header(written)))
        except (HeaderParseError, LookupError, ValueError):
            plain = written
        return "".join(letter for letter in " ".join(plain.split()) if letter.isprintable())[:TOLD_CHARS]

    own = MESSAGE_ID.findall(str(message.get("Message-ID", "")))[:1]
    above = MESSAGE_ID.findall(str(message.get("References", "")) + str(message.get("In-Reply-To", "")))[:1]
    found = {key: first(name) for key, name in (("from", "From"), ("to", "To"), ("subject", "Subject"))}
    found |= {"message_id": "".join(own), "thread": "".join(above or own), "date": _moment(first("Date"))}
    return {key: value for key, value in found.items() if value}


def _moment(written: str) -> str:
    try:
        found = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()
