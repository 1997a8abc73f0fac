"""Put work into an empty ledger, through the product's own intake."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction

from handoffs import payloads
from handoffs.intake import Arrival, receive
from handoffs.models import Source
from ingestion.connectors import DEFAULT
from ingestion.ingesting import register
from ledger import statements

PAGE = 1000
# Whatever refers to these goes with them; the vocabulary of predicates stays.
EMPTY = "TRUNCATE handoffs_reflection, handoffs_payload, ingestion_memo, ledger_event RESTART IDENTITY CASCADE"
# The indexes that no constraint stands on, and the unique constraints: made again once the rows are there.
UNIQUE = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = ANY(%(tables)s::regclass[]) AND contype = 'u'
"""
INDEXES = """
SELECT format('DROP INDEX %%I', indexrelid::regclass::text), pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%(tables)s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def empty() -> None:
    """Leave nothing of an earlier measurement: no row, no payload, no message."""
    statements.run(EMPTY)
    shutil.rmtree(settings.STATE_DIR / "payloads", ignore_errors=True)
    current_app.control.purge()


def fill(count: int, *, text: Callable[[int], str] | None = None) -> Source:
    """Make an empty ledger hold `count` handoffs. Without `text` nothing but their payloads' hashes exists."""
    empty()
    source = register("bench", DEFAULT, "bench", {"root": "/nowhere"})
    for start in range(0, count, PAGE):
        with transaction.atomic(durable=True):
            receive(source, [_arrival(n, text) for n in range(start, min(start + PAGE, count))])
    return source


def _arrival(n: int, text: Callable[[int], str] | None) -> Arrival:
    data = (text(n) if text else f"payload {n}").encode()
    payload_hash = payloads.put(data) if text else hashlib.sha256(data).hexdigest()
    return Arrival(f"item-{n}.txt", "1", len(data), payload_hash)


def bulk(fill: Iterable[str], values: Mapping[str, Any], tables: Sequence[str]) -> None:
    """Run the statements in one transaction, with none of the tables' indexes in the way but those of primary keys."""
    with transaction.atomic(durable=True):
        taken = [pair for which in (UNIQUE, INDEXES) for pair in statements.rows(which, {"tables": list(tables)})]
        for drop, _ in taken:
            statements.run(drop)
        for statement in fill:
            statements.run(statement, values)
        for _, make in taken:
            statements.run(make)
    for table in tables:
        statements.run(f"VACUUM (ANALYZE) {table}")  # as autovacuum does after such a load
    statements.run("CHECKPOINT")
