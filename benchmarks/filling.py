"""Put work into an empty ledger, through the product's own intake."""

import hashlib
import shutil
from collections.abc import Callable

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
