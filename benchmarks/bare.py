"""What one would write without an orchestrator: read, split, embed and extract in a loop, COPY everything at the end.

It uses the product's own reader, splitter and models, batches as well as a flight does, and does no work twice for
equal texts. It has no ledger, no gate, no facts in time, and starts from the beginning when it breaks.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray
from pgvector.psycopg import register_vector

from ingestion import reading, stages
from ingestion.connectors import DEFAULT, connect
from ingestion.documents import Document
from ingestion.passages import hash_of
from ingestion.ports import Listed, SourcePort
from ledger import statements
from ledger.failures import Failure

TABLES = """
DROP TABLE IF EXISTS bare_passage, bare_claim;
CREATE TABLE bare_passage (document text, n int, start int, "end" int, text text, text_hash text, vector vector,
  words tsvector GENERATED ALWAYS AS (to_tsvector('english', text)) STORED);
CREATE TABLE bare_claim (document text, n int, claim jsonb)
"""
PASSAGES = 'COPY bare_passage (document, n, start, "end", text, text_hash, vector) FROM STDIN (FORMAT BINARY)'
CLAIMS = "COPY bare_claim (document, n, claim) FROM STDIN"


@dataclass
class Loop:
    """What the loop holds in memory until the COPY: passages, and by text hash what the models said."""

    passages: list[tuple[str, int, int, int, str, str]] = field(default_factory=list)
    vectors: dict[str, NDArray[Any]] = field(default_factory=dict)
    claims: dict[str, list[str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, documents: Sequence[tuple[str, Document]]) -> None:
        """Split the documents and give the models the texts that they have not seen."""
        table: Any = stages.table()
        new: dict[str, str] = {}
        for name, document in documents:
            content_hash = hash_of(document.text)
            if content_hash in self.seen:
                continue
            self.seen.add(content_hash)
            for n, (start, end) in enumerate(table["chunk"].spans(document.text, markdown=document.markdown)):
                text = document.text[start:end]
                text_hash = hash_of(text)
                self.passages.append((name, n, start, end, text, text_hash))
                if text_hash not in self.vectors:
                    new[text_hash] = text
        asked = list(new.values())
        self.vectors.update(zip(new, table["embed"].port.embed(asked), strict=True))
        extractor = table["entity"].port
        claims = extractor.claims(asked, extractor.entities(asked))
        self.claims.update(zip(new, ([json.dumps(asdict(c)) for c in found] for found in claims), strict=True))

    def store(self) -> None:
        connection.ensure_connection()
        register_vector(connection.connection)  # before the cursor, which takes over the types known by then
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            with cursor.copy(PASSAGES) as copy:
                copy.set_types(["text", "int4", "int4", "int4", "text", "text", "vector"])
                for passage in self.passages:
                    copy.write_row((*passage, self.vectors[passage[-1]]))
            with cursor.copy(CLAIMS) as copy:
                for name, n, *_, text_hash in self.passages:
                    for claim in self.claims[text_hash]:
                        copy.write_row((name, n, claim))


def load(folder: Path) -> int:
    """Run the loop over the folder into empty tables; return how many files it was given."""
    statements.run(TABLES)
    loop, given = Loop(), 0
    port = connect(DEFAULT, {"root": str(folder)}, {})
    items = (entry for entry in port.list({}) if isinstance(entry, Listed))
    while page := list(islice(items, settings.FLIGHT_RUNS)):
        given += len(page)
        loop.take([(name, document) for name, document in _read(port, page)])
    loop.store()
    return given


def _read(port: SourcePort, page: Sequence[Listed]) -> Iterator[tuple[str, Document]]:
    for item in page:
        try:
            data = port.read(item.external_id, limit_bytes=settings.SIZE_LIMIT_BYTES).data
            yield item.external_id, reading.read(data, item.external_id, item.media_type)
        except Failure:
            continue
