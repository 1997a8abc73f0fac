"""embed: a vector for each passage that has none yet."""

from collections.abc import Iterator, Sequence

from ingestion.answers import ask
from ingestion.outcomes import Done, Failed, Item, Outcome
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

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        missing = {
            span.text_hash: span.text
            for item in items
            for span in spans_of(item)
            if span.text_hash not in item.memos["embed"]
        }
        answers = ask(list(missing), lambda: self.port.embed(list(missing.values())))
        for item in items:
            spans = spans_of(item)
            new = answers.share(spans)
            if new.failure:
                yield Failed(item, new.failure, memos=new.found, spent=new.spent)
            else:
                yield Done(item, {"passages": len(spans), "new": len(new.found)}, memos=new.found, spent=new.spent)
