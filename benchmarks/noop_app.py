"""The Celery app of a worker whose stages do nothing: `celery -A benchmarks.noop_app worker`.

Everything but the table of stages is the product's own. The plain no-op task is the peer: it has the same app, hence
the same settings for acks, prefetch, serializer, events and connections.
"""

import django

from config.celery import app

django.setup()

from benchmarks.noop_stages import without_work  # noqa: E402  models can be imported from here on
from ingestion import stages  # noqa: E402

_table = without_work(stages.table())
stages.table = lambda: _table  # type: ignore[assignment]


@app.task(name="benchmarks.noop")
def noop(document: int) -> None:
    """Do nothing for a document."""
