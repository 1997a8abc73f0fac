"""Bytes of any kind to a Document, or the reason why not."""

import unicodedata
from importlib.metadata import version

from ingestion.documents import Document
from ingestion.reading import decoding, headings
from ingestion.reading.kinds import HTML, MARKDOWN, PLAIN, kind_of
from ingestion.reading.sandbox import SANDBOX
from ledger.failures import Malformed
from ledger.reasons import Reason

RULES = "reading/2"
LIBRARIES = ("charset-normalizer", "kreuzberg", "lxml", "PyYAML", "trafilatura")
RECIPE = " ".join([RULES, *(f"{name}/{version(name)}" for name in LIBRARIES), f"unicode/{unicodedata.unidata_version}"])


def read(data: bytes, name: str, media_type: str = "") -> Document:
    """Return what `data` says; equal arguments and RECIPE give an equal Document, and its text is never blank.

    `name` (a path in its source) and `media_type` (as declared) help where the bytes leave room for doubt.
    Raises Malformed: EMPTY, EMPTY_TEXT, UNDECODABLE, UNSUPPORTED_TYPE, CORRUPT, TOO_COMPLEX or ENCRYPTED.
    """
    if not data:
        raise Malformed(Reason.EMPTY)
    kind = kind_of(data, name, media_type)
    document = (
        textual(data, name, kind, media_type) if kind in (PLAIN, MARKDOWN) else parsed(data, name, kind, media_type)
    )
    if not document.text.strip():
        raise Malformed(Reason.EMPTY_TEXT)
    return document


def textual(data: bytes, name: str, kind: str, media_type: str) -> Document:
    text, encoding = decoding.decode(data, decoding.parameter(media_type))
    text = decoding.normalise(text)
    if kind == PLAIN:
        return Document(text, kind, headings.title_of(name, [headings.plain_heading(name, text)]), encoding=encoding)
    says = headings.front_matter(text)
    title = headings.title_of(name, [says.get("title", ""), headings.markdown_heading(text)])
    dated = headings.stated_date(says[key] for key in ("date", "created", "updated") if key in says)
    return Document(text, kind, title, markdown=True, dated=dated, encoding=encoding)


def parsed(data: bytes, name: str, kind: str, media_type: str) -> Document:
    encoding = ""
    if kind == HTML:
        text, encoding = decoding.decode(data, decoding.parameter(media_type) or decoding.charset(data))
        data = text.encode()
    found = SANDBOX.parse(kind, data)
    text = decoding.normalise(found.text)
    titles = [decoding.normalise(title) for title in found.titles]
    title = headings.title_of(name, [*titles, headings.markdown_heading(text)])
    return Document(text, kind, title, markdown=True, dated=headings.stated_date(found.dates), encoding=encoding)
