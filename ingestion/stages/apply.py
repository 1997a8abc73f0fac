"""apply: gather what each approved batch makes live; the transaction itself is patches.apply's."""

from collections.abc import Iterator, Sequence

from ingestion.outcomes import Done, Item, Outcome
from patches.apply import Content


class Apply:
    """Puts together each batch's surviving patches and its passages."""

    name = "apply"
    recipe = "apply-1"
    needs: tuple[str, ...] = ("fetch", "proposal")
    memos: tuple[str, ...] = ()

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            assert item.proposal is not None and item.batch_id is not None  # noqa: S101
            text, proposal = item.outputs["fetch"]["text"], item.proposal
            spans = next(payload["spans"] for op, payload in proposal.patches if op == "put_passages")
            content = Content(
                batch_id=item.batch_id,
                content_hash=item.content_hash,
                comes_back=proposal.status == "superseded",
                carriers=[(item.reference_id, item.payload_hash)],
                claims=[
                    (n, payload)
                    for n, (op, payload) in enumerate(proposal.patches)
                    if op == "assert_fact" and n not in proposal.rejected
                ],
                passages=[
                    (n, start, end, text[start:end], text_hash) for n, (start, end, text_hash) in enumerate(spans)
                ],
                vocabulary=proposal.vocabulary,
            )
            yield Done(item, result=content)
