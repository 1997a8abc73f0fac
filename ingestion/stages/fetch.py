"""fetch: stored bytes to text."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from handoffs import payloads
from ingestion import reading
from ingestion.documents import Document
from ingestion.outcomes import Done, Failed, Item, Outcome
from ledger.failures import Failure


class Fetch:
    """Reads each payload and decodes it. One `content_hash`, the SHA-256 of the normalised text, is ingested once.

    A source may tell where the item lies (`path`), which helps to read it, and its date (`dated`), for a text without.
    """

    name = "fetch"
    recipe = reading.RECIPE
    needs: tuple[str, ...] = ("fetch",)  # its own: a run that waited for its content's first claimant was read already
    memos: tuple[str, ...] = ()

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        for item in items:
            if "fetch" in item.outputs:
                yield Done(item, item.outputs["fetch"])
                continue
            try:
                document = read(payloads.get(item.payload_hash), item)
            except Failure as failure:
                yield Failed(item, failure)
            else:
                content_hash = hashlib.sha256(document.text.encode()).hexdigest()
                yield Done(item, {**asdict(document), "content_hash": content_hash})


def read(data: bytes, item: Item) -> Document:
    """The item's bytes as a document. Raises Malformed."""
    document = reading.read(data, item.metadata.get("path", item.external_id), item.media_type)
    return replace(document, dated=document.dated or item.metadata.get("dated"))
