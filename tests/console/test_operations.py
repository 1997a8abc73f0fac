"""Deeds for all rows that match: said first, then worked off page by page, once each, through crashes, by who may."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from console import deeds, groups, operating
from console.models import Operation
from console.operating import begin, cancel, preview, work
from console.roles import OPERATOR, VIEWER
from ingestion.models import IngestRun
from ledger.deeds import Answer
from ledger.models import Event
from tests.builders import make_handoff, make_run, make_source
from tests.console.test_run_page import in_quarantine, statuses
from tests.ingestion.test_commands import said, told

pytestmark = pytest.mark.django_db(transaction=True)

REQUEUE = reverse("admin:operate", args=["run.requeue"])
RUNS = reverse("admin:ingestion_ingestrun_changelist")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows a page, and one page a round."""
    for name, deed in deeds.DEEDS.items():
        monkeypatch.setitem(operating.DEEDS, name, replace(deed, at_once=2))
    monkeypatch.setattr(operating, "BUDGET_S", 0)


@pytest.fixture
def ann() -> User:
    person = User.objects.create_user("ann", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=OPERATOR)[0])
    return person


def failed(number: int, **fields: Any) -> list[IngestRun]:
    return [make_run("failed", **fields) for _ in range(number)]


def order(ann: User, name: str = "run.requeue", query: str = "status__exact=failed") -> Operation:
    return begin(name, query, "the disk is mended", person=ann, by="admin:ann")


def state(operation: Operation) -> tuple[str, int]:
    operation.refresh_from_db()
    return operation.status, operation.looked_at


def rounds(operation: Operation) -> int:
    """Work until it has ended; how many rounds that took."""
    for taken in range(1, 50):
        work()
        if state(operation)[0] not in ("waiting", "running"):
            return taken
    raise AssertionError("it does not end")


def test_it_is_said_first_how_many_match_and_how_many_cannot_and_why(admin_client: Client) -> None:
    runs = failed(3)
    newer = make_handoff("pending", reference=runs[0].handoff.reference)
    make_run("completed")

    page = admin_client.get(f"{REQUEUE}?status__exact=failed&o=1&p=7").content.decode()

    assert "<b>3</b> match" in page
    assert "newer handoff" in page
    assert '<span class="state yes">requeued</span>' in page
    assert "Requeue 2</button>" in page
    assert newer.status == "pending"
    assert not Operation.objects.exists()
    assert not Event.objects.exists()  # a trial leaves nothing


def test_what_would_do_nothing_is_not_offered(admin_client: Client) -> None:
    make_run("completed", handoff=make_handoff("ingested"))

    page = admin_client.get(f"{REQUEUE}?status__exact=completed").content.decode()

    assert "<b>1</b> match" in page
    assert "<form method" not in page.partition('class="console operation"')[2]


def test_more_than_can_be_tried_are_counted_and_said_to_be(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "TRIED_FIRST", 2)
    failed(5)

    would = preview(deeds.DEEDS["run.requeue"], "status__exact=failed", ann)

    assert (would.matched, would.tried, would.done) == (5, 2, {"requeued": 2})


def test_nothing_begins_without_words(admin_client: Client) -> None:
    failed(1)
    page = admin_client.post(f"{REQUEUE}?status__exact=failed", {"why": "  "}).content.decode()

    assert "This field is required" in page
    assert not Operation.objects.exists()


def test_what_was_asked_for_on_the_page_is_worked_off_for_what_matched_and_nothing_else(admin_client: Client) -> None:
    source = make_source()
    mine, other = failed(5, source=source), failed(1)
    link = f"{REQUEUE}?status__exact=failed&source__id__exact={source.pk}"

    answer = admin_client.post(link, {"why": "the disk is mended"})
    operation = Operation.objects.get()
    later = failed(1, source=source)

    assert answer["Location"] == reverse("admin:console_operation_change", args=[operation.pk])
    assert rounds(operation) == 3
    assert (operation.status, operation.reason, operation.done) == ("done", "dealt_with", {"requeued": 5})
    statuses = {run.pk: run.handoff.status for run in IngestRun.objects.select_related("handoff")}
    assert [statuses[run.pk] for run in mine] == ["pending"] * 5
    assert [statuses[run.pk] for run in (*other, *later)] == ["failed"] * 2
    [asked] = set(Event.objects.filter(lifecycle="handoff").values_list("by", "note", "request_id"))
    assert asked == ("admin:admin", "the disk is mended", operation.request_id)
    told = Event.objects.filter(lifecycle="operation", row_id=operation.pk).order_by("pk")
    assert [(one.became, one.by) for one in told] == [
        ("waiting", "admin:admin"),
        ("running", "dispatcher"),
        ("done", "dispatcher"),
    ]
    assert told[0].note == "run.requeue: the disk is mended"
    assert operation.request_id == answer.headers["X-Request-ID"]


def test_who_dies_in_a_page_does_nothing_of_it_and_the_next_one_does_it_once(
    ann: User, at: Callable[[str, Callable[[], object]], None]
) -> None:
    failed(5)
    operation = order(ann)
    work()
    assert state(operation) == ("running", 2)

    def die() -> None:
        raise RuntimeError("killed")

    at("operation.before_commit", die)
    with pytest.raises(RuntimeError):
        work()
    assert state(operation) == ("running", 2)
    assert Event.objects.filter(lifecycle="handoff").count() == 2
    rounds(operation)

    assert (operation.done, operation.looked_at) == ({"requeued": 5}, 5)
    assert Event.objects.filter(lifecycle="handoff", became="pending").count() == 5


def test_a_page_that_never_works_is_given_up(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    failed(1)

    def broken(*, by: str, why: str) -> Callable[[list[int]], Answer]:
        raise RuntimeError(by + why)

    monkeypatch.setitem(operating.DEEDS, "run.requeue", replace(deeds.DEEDS["run.requeue"], pages=broken))
    operation = order(ann)
    for _ in range(operating.TRIES):
        with pytest.raises(RuntimeError):
            work()
    work()

    assert state(operation) == ("failed", 0)
    assert operation.reason == "policy_gave_up"


def test_it_stops_when_it_is_cancelled_and_what_is_done_stays_done(ann: User, client: Client) -> None:
    failed(5)
    operation = order(ann)
    work()
    client.force_login(ann)

    page = client.post(reverse("admin:operation_cancel", args=[operation.pk]), follow=True).content.decode()
    work()

    assert "what was done stays done" in page
    assert state(operation) == ("cancelled", 2)
    assert not cancel(Operation.objects.all(), by="ann")


def test_who_may_not_any_more_does_nothing_more(ann: User) -> None:
    failed(5)
    operation = order(ann)
    work()
    ann.groups.clear()

    rounds(operation)

    assert (state(operation), operation.reason) == (("cancelled", 2), "not_allowed")


def test_two_who_work_at_once_do_each_row_once(
    ann: User, at: Callable[[str, Callable[[], object]], None], elsewhere: Callable[..., Any]
) -> None:
    failed(4)
    operation = order(ann)
    others: list[Any] = []

    def beside() -> None:
        if not others:
            others.append(elsewhere(operating._go_on, operation.pk))

    at("operation.before_commit", beside)
    work()
    others[0].result(timeout=10)
    rounds(operation)

    assert (operation.done, operation.refused, operation.looked_at) == ({"requeued": 4}, {}, 4)


def test_the_page_says_how_far_it_is_and_how_it_ended(ann: User, admin_client: Client) -> None:
    failed(3)
    operation = order(ann)
    work()
    fresh = reverse("admin:operation_progress", args=[operation.pk])
    assert "2 of 3 looked at" in admin_client.get(fresh).content.decode()
    assert "data-over" not in admin_client.get(fresh).content.decode()
    rounds(operation)

    page = admin_client.get(reverse("admin:console_operation_change", args=[operation.pk])).content.decode()

    assert "data-over" in page
    assert "3 of 3 looked at" in page
    assert '<span class="state yes">requeued</span>' in page
    assert "the disk is mended" in page
    assert " style=" not in page


def test_all_is_not_what_a_list_names(admin_client: Client) -> None:
    runs = failed(3)
    form = {"action": "cancel", "_selected_action": [runs[0].pk], "select_across": "1", "why": "x"}

    page = admin_client.post(RUNS, form, follow=True).content.decode()

    assert "has a page of its own" in page
    assert not Event.objects.exists()
    assert f'href="{REQUEUE}?status__exact=failed"' in admin_client.get(f"{RUNS}?status__exact=failed").content.decode()


@pytest.mark.parametrize(("action", "became"), [("requeue", "pending"), ("cancel", "cancelled")])
def test_ticked_handoffs_are_dealt_with_at_once(admin_client: Client, action: str, became: str) -> None:
    mine, other = (make_handoff("failed" if action == "requeue" else "pending") for _ in range(2))
    form = {"action": action, "_selected_action": [mine.pk], "why": "looked at"}

    admin_client.post(reverse("admin:handoffs_handoff_changelist"), form)

    for one in (mine, other):
        one.refresh_from_db()
    assert (mine.status, other.status) == (became, "failed" if action == "requeue" else "pending")


@pytest.mark.parametrize(("deed", "became"), [("release", "pending"), ("discard", "failed")])
def test_a_large_group_of_the_quarantine_is_an_operation(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, deed: str, became: str
) -> None:
    monkeypatch.setattr(groups, "AT_ONCE", 1)
    mine, other = [in_quarantine("1" * 16) for _ in range(3)], in_quarantine("2" * 16)
    page = reverse(f"admin:{groups.NAME}")

    answer = admin_client.post(page, {"fingerprint": "1" * 16, "deed": deed, "why": "looked at"})

    operation = Operation.objects.get()
    assert answer["Location"] == reverse("admin:console_operation_change", args=[operation.pk])
    rounds(operation)
    assert statuses(mine) == [became] * 3
    assert statuses([other]) == ["quarantined"]


@pytest.mark.parametrize("query", ["source__id__exact=x", "nonsense=1"])
def test_a_mistyped_address_means_nothing_rather_than_all(admin_client: Client, query: str) -> None:
    failed(1)

    assert admin_client.get(f"{REQUEUE}?{query}").status_code in (302, 400)
    assert admin_client.post(f"{REQUEUE}?{query}", {"why": "x"}).status_code in (302, 400)
    assert not Operation.objects.exists()


def test_a_deed_that_there_is_not_has_no_page(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:operate", args=["run.delete"])).status_code == 404


def test_the_database_keeps_an_operation_within_what_was_meant(ann: User) -> None:
    operation = order(ann)
    with pytest.raises(IntegrityError, match="within_what_was_meant"):
        Operation.objects.filter(pk=operation.pk).update(position=operation.upto + 1)


def test_operations_are_listed_shown_and_cancelled_by_command(ann: User) -> None:
    failed(3)
    operation = order(ann)
    work()

    [listed] = said("operations", "list", "--status", "running")["operations"]
    assert (listed["id"], listed["looked_at"], listed["matched"]) == (operation.pk, 2, 3)
    [shown] = said("operations", "show", operation.pk)["operations"]
    assert (shown["done"], shown["why"]) == ({"requeued": 2}, "the disk is mended")
    assert said("operations", "cancel", operation.pk, "--dry-run")["done"] == {"cancelled": 1}
    assert state(operation)[0] == "running"
    assert said("operations", "cancel", operation.pk, "--why", "enough", "--as", "ann")["done"] == {"cancelled": 1}
    assert said("operations", "cancel", operation.pk, status=1)["refused"] == {"ended": 1}
    assert "enough" in told("operations", "show", operation.pk)
    told("operations", "show", 10**9, status=2)


def test_who_may_not_do_a_deed_cancels_none_by_command(ann: User) -> None:
    failed(1)
    operation = order(ann)
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.groups.add(Group.objects.get_or_create(name=VIEWER)[0])

    told("operations", "cancel", operation.pk, "--as", "viewer", status=77)

    assert state(operation)[0] == "waiting"
