"""fetch: stored bytes to text."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from handoffs import payloads
from ingestion import reading
from ingestion.outcomes import Done, Failed, Item, Outcome
from ledger.failures import Failure


class Fetch:
    """Reads each payload and decodes it. One `content_hash`, the SHA-256 of the normalised text, is ingested once."""

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
                document = reading.read(payloads.get(item.payload_hash), item.external_id, item.media_type)
            except Failure as failure:
                yield Failed(item, failure)
            else:
                content_hash = hashlib.sha256(document.text.encode()).hexdigest()
                yield Done(item, {**asdict(document), "content_hash": content_hash})
