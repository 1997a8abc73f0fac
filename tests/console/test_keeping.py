"""What is kept, for how long and in how much room, for who sees all of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from console.keeping import kept
from console.models import Gauge, Sight, Tally
from console.roles import VIEWER
from console.rolling import SPANNED, roll
from ledger import statements
from tests.builders import make_handoff, make_source

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/admin/kept/"


def test_each_kind_has_its_time_its_setting_and_its_size(admin_client: Client, settings: Any) -> None:
    settings.KEPT_DAYS = {60: 3, 3600: 77}
    make_handoff()
    statements.run("ANALYZE handoffs_handoff")

    page = admin_client.get(PAGE).content.decode()

    assert "minutes 3 days, hours 77 days, days for ever" in page
    assert "SLUICEGATE_HOURS_KEPT_DAYS" in page
    [handoffs] = [one for one in kept() if one.what.startswith("Handoffs")]
    assert handoffs.rows == 1
    assert all(one.size_bytes > 0 for one in kept())
    assert PAGE in admin_client.get("/admin/").content.decode()


def test_sums_are_kept_for_as_long_as_is_set(settings: Any) -> None:
    settings.KEPT_DAYS = {60: 5, 3600: 50}
    source, now = make_source(), timezone.now()
    told: dict[str, Any] = {"lifecycle": "run", "became": "completed", "reason": "applied", "times": 1}
    for span in (60, 3600, 86400):
        for days in (4, 6, 49, 51):
            Tally.objects.create(span=span, at=now - timedelta(days=days), source=source, **told)
    for days in (49, 51):
        at = now - timedelta(days=days)
        Gauge.objects.create(at=at, waiting=1, oldest_s=1, flights=0, quarantined=0, in_review=0)

    roll()

    left = [
        (span, round((now - at).days)) for span, at in Tally.objects.order_by("span", "-at").values_list("span", "at")
    ]
    assert left == [(60, 4), *((3600, days) for days in (4, 6, 49)), *((86400, days) for days in (4, 6, 49, 51))]
    assert Gauge.objects.filter(at__lt=now - timedelta(days=1)).count() == 1


def test_every_table_that_is_summed_up_into_is_told_of() -> None:
    [sums] = [one for one in kept() if one.what.startswith("What is summed up")]
    [(size,)] = statements.rows(f"SELECT {' + '.join(f'pg_total_relation_size({name!r})' for name in SPANNED)}")
    assert sums.size_bytes == size


def test_who_sees_some_knowledge_bases_alone_is_not_told(client: Client) -> None:
    person = User.objects.create_user("looker", is_staff=True)
    client.force_login(person)
    assert client.get(PAGE).status_code == 403
    person.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    assert client.get(PAGE).status_code == 200
    Sight.objects.create(person=person)

    assert client.get(PAGE).status_code == 403
    assert PAGE not in client.get("/admin/").content.decode()
