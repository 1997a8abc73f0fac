"""Put work into an empty ledger, through the product's own intake."""

import hashlib
import shutil
from collections.abc import Iterator

from celery import current_app
from django.conf import settings
from django.db import connection, transaction

from handoffs.intake import Arrival, receive
from handoffs.models import Source
from ingestion.connectors import DEFAULT
from ingestion.ingesting import register
from ledger import statements

PAGE = 1000
# Whatever refers to these goes with them; the vocabulary of predicates stays.
EMPTY = "TRUNCATE handoffs_reflection, handoffs_payload, ingestion_memo, ledger_event RESTART IDENTITY CASCADE"


def empty() -> None:
    """Leave nothing of an earlier measurement: no row, no payload, no message."""
    statements.run(EMPTY)
    shutil.rmtree(settings.STATE_DIR / "payloads", ignore_errors=True)
    current_app.control.purge()


def fill(count: int) -> Source:
    """Make an empty ledger hold `count` handoffs of distinct payloads, of which only the hashes exist."""
    empty()
    source = register("bench", DEFAULT, "noop", {"root": "/nowhere"})
    for page in _pages(count):
        with transaction.atomic(durable=True):
            receive(source, page)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does within a minute of such a load
    return source


def _pages(count: int) -> Iterator[list[Arrival]]:
    for start in range(0, count, PAGE):
        yield [
            Arrival(f"item-{n}", "1", 100, hashlib.sha256(str(n).encode()).hexdigest())
            for n in range(start, min(start + PAGE, count))
        ]
