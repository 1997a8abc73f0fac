"""A run's page tells its story leg by leg, and quarantine is dealt with by kind, with a reason, by who may."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.models import Sight
from console.roles import ADMINISTRATOR, OPERATOR, REVIEWER, VIEWER
from console.timeline import legs
from ingestion.models import IngestRun, Quarantine, StageOutput
from ledger import history
from ledger.models import Event
from ledger.reasons import Reason
from tests.builders import make_flight, make_handoff, make_run, make_source
from tests.ingestion.test_commands import said

pytestmark = pytest.mark.django_db(transaction=True)
GROUPS = "/admin/ingestion/quarantine/groups/"
START = timezone.now() - timedelta(hours=2)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def happened(run: IngestRun, minutes: float, was: str, became: str, reason: Reason, *, lifecycle: str = "run") -> None:
    row_id = run.pk if lifecycle == "run" else run.handoff_id
    Event.objects.create(
        lifecycle=lifecycle, row_id=row_id, was=was, became=became, reason=reason, by="w", at=after(minutes)
    )


def left(run: IngestRun, minutes: float, stage: str) -> None:
    StageOutput.objects.create(run=run, stage=stage, recipe="r", data={}, created_at=after(minutes))


@pytest.fixture
def story() -> IngestRun:
    """It waited for a worker, failed in its second stage, was tried again, and is in quarantine since."""
    handoff = make_handoff("failed", created_at=after(-1))
    run = make_run("quarantined", handoff=handoff, created_at=after(0), stage="chunk", failure="unexpected")
    happened(run, 1, "queued", "ingesting", Reason.STARTED, lifecycle="handoff")
    left(run, 3, "fetch")
    happened(run, 4, "running", "retry_wait", Reason.REMOTE_UNAVAILABLE)
    happened(run, 10, "retry_wait", "running", Reason.ADMITTED)
    happened(run, 11, "running", "quarantined", Reason.UNEXPECTED)
    return run


def test_every_wait_is_named_and_every_stage_has_its_time(story: IngestRun) -> None:
    told = [(one.kind, one.name, (one.ended - one.began).total_seconds() / 60) for one in legs(story)]

    assert told[:-1] == [
        ("wait", "its handoff waits for its turn", 1),
        ("wait", "waits for a worker", 1),
        ("work", "fetch", 2),
        ("trouble", "chunk", 1),
        ("wait", "waits to be tried again", 6),
        ("trouble", "chunk, attempt 2", 1),
    ]
    assert told[-1][:2] == ("trouble", "in quarantine")
    assert told[-1][2] > 100  # up to now
    assert legs(story)[4].says == Reason.REMOTE_UNAVAILABLE.label


def test_a_run_that_ended_has_no_time_after_its_end() -> None:
    handoff = make_handoff("ingested", created_at=after(0))
    run = make_run("completed", handoff=handoff, created_at=after(0))
    left(run, 1, "fetch")
    left(run, 2, "eval")
    happened(run, 3, "running", "completed", Reason.APPLIED)

    told = legs(run)

    assert [one.name for one in told] == ["its handoff waits for its turn", "fetch", "eval", "apply"]
    assert told[-1].ended == after(3)
    assert {one.kind for one in told} == {"wait", "work"}


def test_a_long_history_is_cut_and_costs_the_same(
    story: IngestRun, admin_client: Client, statement_count: Callable[[], int]
) -> None:
    page = reverse("admin:ingestion_ingestrun_change", args=[story.pk])
    admin_client.get(page)
    statement_count()
    few = admin_client.get(page)
    cost = statement_count()
    for n in range(300):
        happened(story, 12 + n / 10, "quarantined", "pending", Reason.RELEASED)
    statement_count()

    assert admin_client.get(page).content.count(b'class="gantt"') <= 201
    assert few.content.count(b'class="gantt"') == 7
    assert statement_count() == cost


def test_of_a_long_history_the_ends_are_shown_and_the_rest_is_a_link_away(
    story: IngestRun, admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "ENDS", 3)
    page = reverse("admin:ingestion_ingestrun_change", args=[story.pk])
    assert "more between these" not in admin_client.get(page).content.decode()
    for n in range(6):
        Event.objects.create(
            lifecycle="run", row_id=story.pk, was="quarantined", became="quarantined", reason="released", by=f"n{n}."
        )

    told = admin_client.get(page).content.decode().partition("field-events")[2].partition("field-related")[0]

    assert [f"n{n}." in told for n in range(6)] == [False, False, False, True, True, True]
    assert Reason.REMOTE_UNAVAILABLE.label in told
    [(everything, left_out)] = re.findall(r'href="([^"]*)">(\d+) more between these', told)
    assert left_out == "3"
    assert everything == f"/admin/ledger/event/?q=run+{story.pk}"
    assert admin_client.get(everything).status_code == 200


def test_attempts_keep_their_number_when_the_first_ones_are_not_shown(story: IngestRun) -> None:
    IngestRun.objects.filter(pk=story.pk).update(deliveries=7)
    story.refresh_from_db()

    assert [one.name for one in legs(story) if "attempt" in one.name][-1] == "chunk, attempt 7"


def test_a_run_is_told_to_machines_as_its_command_tells_it(admin_client: Client, story: IngestRun) -> None:
    page = admin_client.get(reverse("admin:ingestion_ingestrun_change", args=[story.pk])).content.decode()
    address = reverse("admin:run_json", args=[story.pk])

    assert f'href="{address}"' in page
    assert admin_client.get(address).json() == said("runs", "show", story.pk)["runs"][0]
    assert admin_client.get(reverse("admin:run_json", args=[10**6])).status_code == 404


def test_a_run_is_told_to_machines_for_who_sees_its_page(client: Client, story: IngestRun) -> None:
    address = reverse("admin:run_json", args=[story.pk])
    person = User.objects.create_user("somebody", is_staff=True)
    client.force_login(person)
    assert client.get(address).status_code == 403

    person.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    assert client.get(address).status_code == 200
    Sight.objects.create(person=person).reflections.add(make_source().reflection)
    assert client.get(address).status_code == 404


def test_a_run_leads_to_its_log_lines_where_the_settings_say_where_they_are(
    admin_client: Client, story: IngestRun, settings: Any
) -> None:
    page = reverse("admin:ingestion_ingestrun_change", args=[story.pk])
    assert "its log lines" not in admin_client.get(page).content.decode()

    settings.LOG_URL = "https://logs.example.org/?q=run%3D{run}"

    lines = f'<a href="https://logs.example.org/?q=run%3D{story.pk}">its log lines</a>'
    assert lines in admin_client.get(page).content.decode()


def test_the_page_says_why_a_run_is_not_further(admin_client: Client) -> None:
    source = make_source()
    run = make_run("running", source=source, flight=make_flight(source, worker="host:1:2:x", boarded_at=timezone.now()))

    page = admin_client.get(reverse("admin:ingestion_ingestrun_change", args=[run.pk])).content.decode()

    assert "host:1:2:x has flight" in page
    assert " style=" not in page


def in_quarantine(fingerprint: str, *, source: Any = None) -> IngestRun:
    run = make_run("quarantined", source=source or make_source(), stage="fact", failure="unexpected")
    Quarantine.objects.create(
        run=run, stage="fact", failure="unexpected", exception="KeyError", fingerprint=fingerprint
    )
    return run


def statuses(runs: list[IngestRun]) -> list[str]:
    return list(
        IngestRun.objects.filter(pk__in=[run.pk for run in runs]).order_by("pk").values_list("status", flat=True)
    )


@pytest.mark.parametrize(
    ("deed", "become"),
    [
        ("probe", ["pending", "quarantined"]),
        ("release", ["pending", "pending"]),
        ("discard", ["failed", "failed"]),
    ],
)
def test_a_group_is_dealt_with_at_once_and_the_reason_is_kept(
    admin_client: Client, deed: str, become: list[str]
) -> None:
    mine, other = [in_quarantine("a" * 16) for _ in range(2)], in_quarantine("b" * 16)
    Quarantine.objects.filter(run=mine[0]).update(times=2)
    shown = admin_client.get(GROUPS).content.decode()
    assert "KeyError at fact" in shown
    assert shown.count("up to 2 × in quarantine") == 1

    admin_client.post(GROUPS, {"fingerprint": "a" * 16, "deed": deed, "why": "the model is mended"})

    assert statuses(mine) == become
    assert statuses([other]) == ["quarantined"]
    last = Event.objects.filter(lifecycle="run", row_id=mine[0].pk).latest("pk")
    assert (last.by, last.note) == ("admin:admin", "the model is mended")


@pytest.mark.parametrize("form", [{"deed": "discard", "why": " "}, {"deed": "delete", "why": "x"}, {"why": "x"}])
def test_nothing_is_done_to_a_group_without_words_or_by_another_name(
    admin_client: Client, form: dict[str, str]
) -> None:
    run = in_quarantine("a" * 16)

    answer = admin_client.post(GROUPS, {"fingerprint": "a" * 16, **form}, follow=True)

    assert "Say why, in words" in answer.content.decode()
    assert statuses([run]) == ["quarantined"]


@pytest.mark.parametrize("action", ["probe", "release", "discard"])
def test_chosen_ones_are_dealt_with_on_the_list(admin_client: Client, action: str) -> None:
    mine, other = in_quarantine("a" * 16), in_quarantine("a" * 16)
    form = {"action": action, "_selected_action": [Quarantine.objects.get(run=mine).pk]}
    admin_client.post("/admin/ingestion/quarantine/", form)
    assert statuses([mine]) == ["quarantined"]  # no reason was given

    admin_client.post("/admin/ingestion/quarantine/", {**form, "why": "looked at"})

    assert statuses([mine, other]) == [("failed" if action == "discard" else "pending"), "quarantined"]


@pytest.mark.parametrize("role", [VIEWER, REVIEWER, OPERATOR, ADMINISTRATOR])
def test_only_who_keeps_work_going_decides_of_quarantine(client: Client, role: str) -> None:
    person = User.objects.create_user("somebody", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=role)[0])
    client.force_login(person)
    first, second = in_quarantine("a" * 16), in_quarantine("b" * 16)
    may = role in (OPERATOR, ADMINISTRATOR)

    assert ("Discard all" in client.get(GROUPS).content.decode()) == may
    answer = client.post(GROUPS, {"fingerprint": "a" * 16, "deed": "discard", "why": "x"})
    chosen = {"action": "discard", "_selected_action": [Quarantine.objects.get(run=second).pk], "why": "x"}
    client.post("/admin/ingestion/quarantine/", chosen)

    assert (answer.status_code == 403) != may
    assert statuses([first, second]) == (["failed", "failed"] if may else ["quarantined", "quarantined"])
