"""entity: the named things in each passage that has not been looked at yet."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple

from ingestion.answers import ask
from ingestion.outcomes import Done, Failed, Item, Outcome
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

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        missing = {
            span.text_hash: span.text
            for item in items
            for span in spans_of(item)
            if span.text_hash not in item.memos["entity"]
        }
        answers = ask(list(missing), lambda: self.port.entities(list(missing.values())))
        for item in items:
            new = answers.share(spans_of(item))
            memos = {text_hash: [astuple(mention) for mention in found] for text_hash, found in new.found.items()}
            if new.failure:
                yield Failed(item, new.failure, memos=memos, spent=new.spent)
            else:
                yield Done(item, {"new": len(memos)}, memos=memos, spent=new.spent)
