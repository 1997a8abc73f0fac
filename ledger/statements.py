"""SQL that the ORM says worse: run one statement, get its rows."""

from typing import Any

from django.db import connection


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
