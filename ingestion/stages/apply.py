"""apply: gather what each approved batch makes live; the transaction itself is patches.apply's."""

from collections.abc import Iterator, Sequence

from ingestion.outcomes import Done, Item, Outcome
from patches.apply import Content
from ingestion.passages import hash_of


class Apply:
    """Puts together each batch's surviving patches and its passages with their vectors."""

    name = "apply"
    recipe = "apply-1"
    needs = ("fetch", "proposal")
    memos = ("embed",)

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            assert item.proposal is not None and item.batch_id is not None  # noqa: S101,PT018
            text = item.outputs["fetch"]["text"]
            spans = next(payload["spans"] for op, payload in item.proposal.patches if op == "put_passages")
            vectors = item.memos["embed"]
            yield Done(
                item,
                result=Content(
                    item.batch_id,
                    item.content_hash,
                    [(item.reference_id, item.payload_hash)],
                    [
                        (n, op, payload)
                        for n, (op, payload) in enumerate(item.proposal.patches)
                        if n not in item.proposal.rejected
                    ],
                    [
                        (n, start, end, text[start:end], text_hash, vectors[text_hash])
                        for n, (start, end, text_hash) in enumerate(spans)
                    ],
                ),
            )
