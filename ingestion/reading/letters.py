"""Mail as text: the headers that people read, the letter's own words, the names of what is attached.

Loaded by the parsing child by path, alone: it imports nothing of ours.
"""

import email.policy
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

PARTS, NAMES, LINE_CHARS = 1_000, 50, 500
MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")
# "On Thursday Ann wrote:", in whatever language: a last line before the quotation that ends in a colon.
ATTRIBUTION = re.compile(r"\n[^\n>]{1,200}(?:\n[^\n>]{1,100})?:[ \t]*\n*\Z")


def read(data: bytes, html: Callable[[bytes], str]) -> tuple[str, list[str], list[str]]:
    """Return text, titles and dates. Raises ValueError for what is no message; `html` makes text of a page."""
    message = message_from_bytes(data, policy=email.policy.compat32)
    if not message.keys():
        raise ValueError("no headers")
    subject, moment = header(message, "Subject"), when(message)
    attached: list[str] = []
    body = "\n\n".join(filter(None, (text.strip() for text in texts(message, html, attached))))
    above = thread(message)
    lines = {
        "From": people(message, "From"),
        "To": people(message, "To"),
        "Cc": people(message, "Cc"),
        "Date": moment.replace("T", " "),
        "Subject": subject,
        "Thread": above,
        "Attached": ", ".join(attached[:NAMES]),
    }
    head = "".join(f"{name}: {value}\n" for name, value in lines.items() if value)
    return f"{head}\n{unquoted(body) if above else body}".strip() + "\n", [subject], [moment]


def texts(message: Message, html: Callable[[bytes], str], attached: list[str]) -> Iterator[str]:
    """The letter's own words, from its parts in order; of alternatives the plain one. Names what is attached."""
    waiting, seen = [message], 0
    while waiting and (seen := seen + 1) <= PARTS:
        part = waiting.pop(0)
        name = "".join(letter for letter in filename(part) if letter.isprintable())
        if part.get_content_disposition() == "attachment" or part.get_content_type() == "message/rfc822":
            attached.append(name or part.get_content_type())
        elif part.is_multipart():
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            waiting = (best(children) if part.get_content_subtype() == "alternative" else children) + waiting
        elif part.get_content_type() == "text/html":
            yield html(decoded(part).encode())
        elif part.get_content_maintype() == "text" and not name:
            yield decoded(part)
        elif name:
            attached.append(name)


def best(alternatives: list[Message]) -> list[Message]:
    """The plain text if it says anything, else the last, which its writer thought the best (RFC 2046 §5.1.4)."""
    plain = [part for part in alternatives if part.get_content_type() == "text/plain" and decoded(part).strip()]
    return plain[:1] or alternatives[-1:]


def decoded(part: Message) -> str:
    """Its text. A character set that is wrong or unknown gives way to UTF-8, and that to windows-1252."""
    data = part.get_payload(decode=True)
    data = data if isinstance(data, bytes) else b""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            text = data.decode("cp1252" if charset in ("us-ascii", "iso-8859-1") and not data.isascii() else charset)
        except (LookupError, ValueError):
            continue
        return text.replace("\r\n", "\n")
    return data.decode("cp1252", "replace").replace("\r\n", "\n")


def unquoted(body: str) -> str:
    """A reply without the whole letter that it answers below it: that is a document of its own.

    What is quoted between the lines of an answer stays, for without it they mean nothing.
    """
    lines = body.split("\n")
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith(">")):
        lines.pop()
    kept = "\n".join(lines)
    if not kept or ">" not in body[len(kept) :]:
        return body
    return ATTRIBUTION.sub("", f"\n{kept}\n").strip()


def header(message: Message, name: str) -> str:
    written = str(message.get(name, ""))
    with suppress(HeaderParseError, LookupError, ValueError):
        written = str(make_header(decode_header(written)))
    return " ".join(written.split())[:LINE_CHARS]


def people(message: Message, name: str) -> str:
    """The addresses of a header, each as `Ann Lee <ann@example.org>`."""
    found = getaddresses([str(value) for value in message.get_all(name, [])][:NAMES])
    return ", ".join(
        f"{plain} <{address}>" if plain else address
        for written, address in found[:NAMES]
        if (plain := person(written)) or address
    )


def person(written: str) -> str:
    """A name as it is said: "Lee, Ann" is Ann Lee."""
    try:
        plain = str(make_header(decode_header(written)))
    except (HeaderParseError, LookupError, ValueError):
        plain = written
    last, comma, first = plain.partition(",")
    name = f"{first} {last}" if comma and "," not in first else plain.replace(",", " ")
    return " ".join(re.sub(r"[<>\"]", " ", name).split())[:LINE_CHARS]


def when(message: Message) -> str:
    """When it was sent, as its sender's clock had it: 2024-05-02T10:15:00+02:00."""
    try:
        return parsedate_to_datetime(str(message.get("Date", ""))).isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def thread(message: Message) -> str:
    """The id of the message that began the thread; "" for one that answers none."""
    found = MESSAGE_ID.findall(str(message.get("References", "")) + str(message.get("In-Reply-To", "")))
    return found[0] if found else ""


def filename(part: Message) -> str:
    try:
        written = part.get_filename("")
        return str(make_header(decode_header(written)))[:LINE_CHARS]
    except (HeaderParseError, LookupError, ValueError, TypeError):
        return ""
