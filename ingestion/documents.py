"""What reading makes of a payload; free of Django, so that reading can be used and tested without it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A payload after decoding: normalised text (NFC, line feeds, no NUL) in whose characters all offsets count."""

    text: str
    media_type: str
    title: str
    markdown: bool = False  # headings, lists and code fences mean something
    dated: str | None = None  # the document's own date, as precise as it states: "2019", "2019-05" or "2019-05-02"
    encoding: str = ""
