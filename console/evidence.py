"""What a batch's claims rest on: its passages, and in them the words that each claim quotes, in their surroundings."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from ingestion.models import StageOutput
from patches.models import Passage, Patch, PatchBatch

AROUND = 240  # characters of the passage on either side of the words


@dataclass(frozen=True)
class Piece:
    """`text` is characters [start, end) of the document."""

    start: int
    end: int
    text: str
    text_hash: str


@dataclass(frozen=True)
class Quoted:
    """Words in their surroundings; `cut` says that the passage goes on beyond them. `verbatim`: they stand there."""

    words: str
    before: str = ""
    after: str = ""
    cut_before: bool = False
    cut_after: bool = False
    verbatim: bool = False

    @property
    def shown(self) -> SafeString:
        """Escaped, the words marked."""
        return format_html(
            "<blockquote>{}{}<mark>{}</mark>{}{}</blockquote>",
            "… " if self.cut_before else "", self.before, self.words, self.after, " …" if self.cut_after else "",
        )  # fmt: skip


def pieces(batch: PatchBatch) -> list[Piece]:
    """The batch's passages in order: as they are stored, or else cut out of what its newest run has read.

    None where the batch has none, was purged, or its text is not there any more. At most three statements.
    """
    columns = ("start", "end", "text", "text_hash")
    if stored := list(Passage.objects.filter(batch=batch).order_by("n").values_list(*columns)):
        return [Piece(*row) for row in stored]
    put = Patch.objects.filter(batch=batch, op=Patch.Op.PUT_PASSAGES).values_list("payload", flat=True)
    spans = [span for payload in put for span in payload["spans"]]
    read = StageOutput.objects.filter(run__batch=batch, stage="fetch").order_by("-run")
    text = read.values_list("data__text", flat=True).first() if spans else None
    return [Piece(start, end, text[start:end], text_hash) for start, end, text_hash in spans] if text else []


def quoted(passages: Sequence[Piece], words: str, start: int, end: int) -> Quoted:
    """The words in the passage that has all of them, or else most of their beginning."""
    before = bisect_right(passages, start, key=lambda one: one.start)
    begun = passages[:before]
    found = next((one for one in begun if one.end >= end), begun[-1] if begun else None)
    if found is None or found.end <= start:
        return Quoted(words)
    at, until = start - found.start, end - found.start
    first, last = max(0, at - AROUND), until + AROUND
    return Quoted(
        found.text[at:until],
        found.text[first:at],
        found.text[until:last],
        first > 0,
        last < len(found.text),
        found.text[at:until] == words,
    )
