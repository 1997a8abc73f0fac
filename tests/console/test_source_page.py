"""A source's page: what holds it and the way on, when something of it went in last, and how much of it does."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.models import Newest, Tally
from ingestion.models import Schedule
from ledger import rendering
from tests.builders import make_source

pytestmark = pytest.mark.django_db


def page(client: Client, source: Any) -> str:
    return str(client.get(rendering.page(source)).content.decode())


def test_it_says_when_something_went_in_and_when_it_is_listed_again(admin_client: Client) -> None:
    now = timezone.now()
    source = make_source(synced_at=now - timedelta(hours=2))
    Newest.objects.create(source=source, at=now - timedelta(hours=5))
    Schedule.objects.create(source=source, every_s=600, next_at=now + timedelta(minutes=7))

    told = page(admin_client, source)

    assert "5 h ago" in told
    assert "2 h ago" in told
    assert rendering.moment(now + timedelta(minutes=7)) in told
    assert "every 600 s" in told


def test_what_went_in_is_a_share_of_what_ended_on_each_day(admin_client: Client) -> None:
    source, other = make_source(), make_source()
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for whose, ago, became, times in (
        (source, 0, "completed", 6),
        (source, 0, "failed", 2),
        (source, 3, "duplicate_skipped", 3),
        (source, 3, "retry_wait", 50),  # has not ended
        (source, 40, "failed", 100),  # long ago
        (other, 0, "failed", 100),
        (None, 0, "failed", 200),
    ):
        told: dict[str, Any] = {"span": 86400, "lifecycle": "run", "reason": "applied"}
        Tally.objects.create(at=today - timedelta(days=ago), source=whose, became=became, times=times, **told)

    shown = page(admin_client, source)

    assert "82% of 11 runs in 30 days" in shown
    assert "75% completed" in shown
    assert "100% completed" in shown
    assert "no run ended in 30 days" in page(admin_client, make_source())


def test_what_holds_it_stands_first_with_what_to_do(admin_client: Client) -> None:
    source = make_source(
        name="mail", paused=True, paused_why="the key was refused", last_error="away", deletions_held=7
    )

    shown = page(admin_client, source)

    assert "Paused: the key was refused." in shown
    assert f"manage.py sources resume {source}" in shown
    assert "Its last listing failed: away." in shown
    assert "missed 7 items" in shown
    assert shown.index("Paused:") < shown.index("last success")
    assert "verdict attention" not in page(admin_client, make_source())


def test_it_costs_as_many_statements_however_much_there_is(admin_client: Client, statement_count: Any) -> None:
    source = make_source()
    page(admin_client, source)
    statement_count()
    page(admin_client, source)
    few = statement_count()
    for day in range(20):
        Tally.objects.create(
            span=86400, at=timezone.now() - timedelta(days=day), lifecycle="run", source=source, became="completed",
            reason="applied", times=1,
        )  # fmt: skip
    statement_count()

    page(admin_client, source)

    assert statement_count() == few
