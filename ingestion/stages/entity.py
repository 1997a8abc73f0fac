"""entity: the named things in each passage that has not been looked at yet."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple

from ingestion.outcomes import Done, Item, Outcome
from ingestion.passages import spans_of
from ingestion.ports import ExtractorPort


class Entities:
    """Finds the mentions of each distinct new text once. A memo is a list of (start, end, type, name)."""

    name = "entity"
    needs: tuple[str, ...] = ("fetch", "chunk")
    memos: tuple[str, ...] = ("entity",)

    def __init__(self, port: ExtractorPort) -> None:
        self.port = port
        self.recipe = port.recipe

    def warm(self) -> None:
        self.port.entities(["The director of the harbour since 2019 is Ann Smith."])

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        missing = {
            span.text_hash: span.text
            for item in items
            for span in spans_of(item)
            if span.text_hash not in item.memos["entity"]
        }
        found = dict(zip(missing, self.port.entities(list(missing.values())), strict=True))
        for item in items:
            new = {
                span.text_hash: [astuple(mention) for mention in found[span.text_hash]]
                for span in spans_of(item)
                if span.text_hash in found
            }
            yield Done(item, {"new": len(new)}, memos=new)
