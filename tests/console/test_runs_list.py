"""What the list of runs can be narrowed to: a source, a time, what went wrong; and back again."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from console.models import Operation, Sight
from console.operating import begin
from console.roles import VIEWER
from ingestion.models import IngestRun, RunStatus
from ledger import listing, statements
from tests.builders import make_run, make_source
from tests.console.test_run_page import in_quarantine

pytestmark = pytest.mark.django_db

RUNS = reverse("admin:ingestion_ingestrun_changelist")
OFFERED = re.compile(r'href="\?([^"]*)"')


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    caches["process"].clear()


def page(client: Client, query: str = "") -> str:
    return client.get(f"{RUNS}?{query}").content.decode()


def listed(client: Client, query: str) -> list[int]:
    return sorted(int(pk) for pk in re.findall(r'name="_selected_action" value="(\d+)"', page(client, query)))


def offered(client: Client, query: str = "") -> list[str]:
    return [unescape(link) for link in OFFERED.findall(page(client, query))]


def moved(run: IngestRun, ago: timedelta) -> IngestRun:
    IngestRun.objects.filter(pk=run.pk).update(since=now() - ago)
    return run


def test_runs_are_narrowed_to_those_that_moved_within_a_span(admin_client: Client) -> None:
    ages = [timedelta(minutes=5), timedelta(hours=5), timedelta(days=5), timedelta(days=20), timedelta(days=40)]
    runs = [moved(make_run("failed"), age).pk for age in ages]

    found = {span: listed(admin_client, f"since={span}") for span in ("1h", "24h", "7d", "30d")}

    assert found == {"1h": runs[:1], "24h": runs[:2], "7d": runs[:3], "30d": runs[:4]}
    assert {f"since={span}" for span in found} <= set(offered(admin_client))
    assert "?" in {f"?{link}" for link in offered(admin_client, "since=1h")}  # all of them again


def test_runs_are_narrowed_to_what_they_were_in_quarantine_for(admin_client: Client) -> None:
    mine, other = in_quarantine("1" * 16), in_quarantine("2" * 16)
    groups = admin_client.get(reverse("admin:ingestion_quarantine_groups")).content.decode()

    assert f'href="{RUNS}?fingerprint={"1" * 16}"' in groups
    assert listed(admin_client, f"fingerprint={'1' * 16}") == [mine.pk]
    assert listed(admin_client, f"fingerprint={'1' * 16}&status__exact=failed") == []
    assert "status__exact=failed" in offered(admin_client)  # without one it is not among the filters
    assert "fingerprint" not in page(admin_client)
    assert "" in offered(admin_client, f"fingerprint={'2' * 16}")
    assert other.pk not in listed(admin_client, f"fingerprint={'1' * 16}")


def test_sources_are_offered_to_choose_from_while_they_are_few(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = make_run(source=make_source(name="letters")), make_run(source=make_source(name="minutes"))
    link = f"source__id__exact={mine.source_id}"

    assert {link, f"source__id__exact={other.source_id}"} <= set(offered(admin_client))
    assert listed(admin_client, link) == [mine.pk]

    caches["process"].clear()
    monkeypatch.setattr(listing, "FEW", 1)
    assert "source__id__exact" not in page(admin_client)
    assert "letters" in page(admin_client, link)
    assert "minutes" not in page(admin_client, link)


def test_nobody_is_offered_a_source_that_they_do_not_see(client: Client, admin_client: Client) -> None:
    mine, other = make_run(source=make_source(name="letters")), make_run(source=make_source(name="minutes"))
    ann = User.objects.create_user("ann", is_staff=True)
    ann.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    Sight.objects.create(person=ann).reflections.add(mine.reflection)
    assert "minutes" in page(admin_client)  # remembered for those who see all
    client.force_login(ann)

    seen = page(client)

    assert "letters" in seen
    assert "minutes" not in seen
    assert listed(client, f"source__id__exact={other.source_id}") == []


@pytest.mark.parametrize("query", ["since=yesterday", "since=2026-13-45", "since=2026-01-01", "fingerprint=%27x"])
def test_a_mistyped_filter_means_nothing_rather_than_all(admin_client: Client, query: str) -> None:
    make_run("failed")
    assert admin_client.get(f"{RUNS}?{query}")["Location"].endswith("?e=1")


@pytest.mark.django_db(transaction=True)
def test_an_operation_keeps_the_moment_from_which_its_rows_are(admin_user: User) -> None:
    moved(make_run("failed"), timedelta(minutes=5))

    operation = begin("run.requeue", "since=1h&status__exact=failed", "x", person=admin_user, by="admin")

    assert operation.matched == 1
    asked = Operation.objects.get().query
    assert "since=20" in asked
    assert "status__exact=failed" in asked


def test_an_index_serves_the_time() -> None:
    moved(make_run("failed"), timedelta(minutes=5))
    statements.run("SET LOCAL enable_seqscan = off")
    rows = IngestRun.objects.filter(since__gte=now() - timedelta(hours=1)).order_by()

    assert "run_since" in rows.explain()
    assert RunStatus.FAILED in rows.values_list("status", flat=True)
