"""SQL that the ORM says worse: run one statement, get its rows.

Parameters go to the server beside the statement, where Django's own cursors write them into its text: PostgreSQL infers
their types from the casts around them. One that is written `%(name)b` goes as it lies in memory. It is for long lists:
vectors, and JSON, of which every quotation mark would have to be escaped.
"""

from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper
from pgvector.psycopg import register_vector


def rows(sql: str, parameters: dict[str, Any] | list[Any] | None = None) -> list[tuple[Any, ...]]:
    """Run one statement that returns rows."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def run(sql: str, parameters: dict[str, Any] | list[Any] | None = None) -> int:
    """Run one statement that returns none; answer how many rows it touched."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        touched: int = cursor.rowcount
        return touched


def _cursor() -> CursorWrapper:
    connection.ensure_connection()
    if connection.connection.adapters.types.get("vector") is None:
        register_vector(connection.connection)
    own: Any = psycopg.Cursor(connection.connection)
    return connection.make_cursor(own)
