"""A client of the broker that sees the queues as Celery's own transport does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app


@contextmanager
def client() -> Iterator[Any]:
    """Give the Redis transport's own client: it puts the keys' prefix in front of them."""
    with current_app.connection_for_read() as connection, connection.channel() as channel:
        transport: Any = channel
        yield transport.client
