"""chunk: text to passages whose borders an edit elsewhere does not move."""

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from ingestion.outcomes import Done, Failed, Item, Outcome
from ingestion.passages import hash_of
from ledger.failures import Malformed
from ledger.reasons import Reason

FRONT_MATTER = re.compile(r"\A---\n.*?\n---[ \t]*(?:\n|\Z)", re.DOTALL)
HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")


class Chunk:
    """Cuts each text into passages of at most `max_chars` characters.

    The text is first cut into sections at borders that depend on the words next to them alone: at headings, and before
    each paragraph whose checksum is divisible by `every` (content-defined chunking: Muthitacharoen, Chen and Mazières
    2001). The splitter then works within one section, so an edit changes the passages of its own section and no other.
    Offsets count characters of the document, `text[start:end]` is the passage, verbatim. Front matter is a passage of
    its own.
    """

    name = "chunk"
    needs: tuple[str, ...] = ("fetch",)
    memos: tuple[str, ...] = ()

    def __init__(self, max_chars: int = 1200, every: int = 8) -> None:
        self.every = every
        self.recipe = f"sections-{every}+semantic-text-splitter-0.33-{max_chars}-v1"
        self.plain = TextSplitter(max_chars)
        self.markdown = MarkdownSplitter(max_chars)

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            document = item.outputs["fetch"]
            spans = [
                (start, end, hash_of(document["text"][start:end]))
                for start, end in self.spans(document["text"], markdown=document["markdown"])
            ]
            if spans:
                yield Done(item, {"spans": spans})
            else:
                yield Failed(item, Malformed(Reason.EMPTY_TEXT))

    def spans(self, text: str, *, markdown: bool) -> Iterator[tuple[int, int]]:
        splitter = self.markdown if markdown else self.plain
        for start, end in self._sections(text, markdown=markdown):
            for offset, passage in splitter.chunk_indices(text[start:end]):
                yield start + offset, start + offset + len(passage)

    def _sections(self, text: str, *, markdown: bool) -> Iterator[tuple[int, int]]:
        borders = {0, len(text)}
        if markdown and (front := FRONT_MATTER.match(text)):
            borders.add(front.end())
        if markdown:
            borders.update(heading.start() for heading in HEADING.finditer(text))
        for gap in PARAGRAPH.finditer(text):
            paragraph = text[gap.end() : text.find("\n", gap.end() + 1)]
            if zlib.crc32(paragraph.encode()) % self.every == 0:
                borders.add(gap.end())
        ordered = sorted(borders)
        yield from pairwise(ordered)
