"""embed: a vector for each passage that has none yet."""

from collections.abc import Iterator, Sequence

from ingestion.outcomes import Done, Item, Outcome
from ingestion.passages import spans_of
from ingestion.ports import EmbeddingsPort


class Embed:
    """Embeds each distinct new text once, all items of the flight in one call."""

    name = "embed"
    needs: tuple[str, ...] = ("fetch", "chunk")
    memos: tuple[str, ...] = ("embed",)

    def __init__(self, port: EmbeddingsPort) -> None:
        self.port = port
        self.recipe = port.recipe

    def warm(self) -> None:
        self.port.embed(["warm"])

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        missing = {
            span.text_hash: span.text
            for item in items
            for span in spans_of(item)
            if span.text_hash not in item.memos["embed"]
        }
        vectors = dict(zip(missing, self.port.embed(list(missing.values())), strict=True))
        for item in items:
            spans = spans_of(item)
            new = {span.text_hash: vectors[span.text_hash] for span in spans if span.text_hash in vectors}
            yield Done(item, {"passages": len(spans), "new": len(new)}, memos=new)
