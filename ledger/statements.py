"""SQL that the ORM says worse: run one statement, get its rows."""

from typing import Any

import psycopg
from django.db import connection
from pgvector.psycopg import register_vector


def rows(sql: str, parameters: dict[str, Any] | list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement that returns rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def run(sql: str, parameters: dict[str, Any] | list[Any] | None = None) -> int:
    """Run one statement that returns none; answer how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
        return touched


def run_binary(sql: str, parameters: dict[str, Any]) -> int:
    """As `run`, with each parameter written `%(name)b` sent as it lies in memory; a list of vectors is one of these.

    Written and read as text, vectors cost more than all else that is stored of their passages.
    """
    connection.ensure_connection()
    if connection.connection.adapters.types.get("vector") is None:
        register_vector(connection.connection)
    own: Any = psycopg.Cursor(connection.connection)  # Django's puts parameters into the statement's text
    with connection.make_cursor(own) as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
        return touched
