"""A page that would keep the database busy is stopped and says so; what is ordered by a page is not."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client

from console import bounding
from ledger import rendering, statements
from tests.builders import make_flight

pytestmark = pytest.mark.django_db(transaction=True)
FLIGHTS = "/admin/ingestion/flight/"


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Somebody else holds the flights; asking waits for them, up to the bound."""
    monkeypatch.setattr(bounding, "BEGIN", "SET statement_timeout = 200")
    caches["process"].clear()  # what another test saw a moment ago
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE ingestion_flight")
        yield other
    other.close()


@pytest.fixture
def row() -> str:
    """The address of a flight's page, made before anybody holds them."""
    return rendering.page(make_flight())


def test_a_page_that_takes_too_long_is_stopped_and_says_what_to_do(admin_client: Client, row: str, held: Any) -> None:
    for page in (FLIGHTS, f"{FLIGHTS}?status__exact=open", "/admin/", row):
        answer = admin_client.get(page)
        assert answer.status_code == 503, page
        assert "Ask for less" in answer.content.decode()

    held.rollback()
    assert admin_client.get(FLIGHTS).status_code == 200
    assert statements.rows("SHOW statement_timeout") == [("0",)]


def test_what_is_ordered_takes_its_time(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "BEGIN", "SET statement_timeout = 'nonsense'")

    answer = admin_client.post(FLIGHTS, {"action": "none"})

    assert answer.status_code in {200, 302, 403}
