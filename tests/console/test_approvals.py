"""A purge that needs two persons: nobody agrees to their own, and what was agreed to is done, whatever dies."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.roles import ADMINISTRATOR, OPERATOR
from handoffs.models import Reference
from ingestion.approvals import ask, carry_out, confirm, persons_needed
from ingestion.lifecycles import APPROVAL
from ingestion.models import Approval
from ledger.models import Event
from ledger.reasons import Reason
from tests.builders import make_reference, make_source
from tests.flying import deliver_all, work_off
from tests.ingestion.test_purging import PRIVATE, said_in, stored

pytestmark = pytest.mark.django_db(transaction=True)


def somebody(name: str, role: str = ADMINISTRATOR) -> User:
    person = User.objects.create_user(name, is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=role)[0])
    return person


@pytest.fixture
def ada() -> User:
    return somebody("ada")


@pytest.fixture
def bea() -> User:
    return somebody("bea")


@pytest.fixture
def asked(ada: User) -> Approval:
    [asked] = ask(Reference.objects.filter(pk=make_reference().pk), "she asked for it", person=ada, by="admin:ada")
    return asked


def status_of(approval: Approval) -> str:
    return Approval.objects.get(pk=approval.pk).status


def barred(approval: Approval) -> bool:
    items = Reference.objects.filter(source=approval.source)
    return items.exists() and not items.filter(purged_at=None).exists()


def run(capsys: Any, *arguments: str, status: int = 0) -> dict[str, Any]:
    try:
        call_command(*arguments, "--json")
    except SystemExit as ended:
        assert ended.code == status
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


@pytest.mark.usefixtures("models")
def test_one_asks_another_agrees_and_then_it_is_gone(ada: User, bea: User, capsys: Any) -> None:
    deliver_all(make_source(name="letters"), {"letter-to-q.md": PRIVATE, "other.md": "led_by: Acme > Ann [2011..]"})
    work_off()
    which = ("purge", "--source", "letters", "--reference", "letter-to-q.md", "--reason", "asked for", "--yes")
    with pytest.raises(CommandError, match="--as NAME") as refusal:
        call_command(*which)
    assert refusal.value.returncode == 2

    [number] = run(capsys, *which, "--as", "ada", status=5)["asked"]
    assert stored(PRIVATE)
    assert run(capsys, "approvals", "confirm", str(number), "--as", "ada", status=1)["refused"] == {"own": 1}
    assert stored(PRIVATE)
    assert run(capsys, "approvals", "list")["approvals"][0]["asked_by"] == "ada"
    run(capsys, "approvals", "confirm", str(number), "--as", "bea")

    assert not stored(PRIVATE)
    assert said_in() == {}
    assert Reference.objects.filter(purged_at=None).count() == 1
    events = Event.objects.filter(lifecycle="approval", row_id=number).order_by("pk")
    assert [(one.became, one.by.split()[0]) for one in events] == [("confirmed", "admin:bea"), ("done", "admin:bea")]
    assert Event.objects.get(reason=Reason.SECOND_ASKED).by.startswith("admin:ada by cli:")
    assert (status_of(Approval.objects.get()), bea.pk) == ("done", Approval.objects.get().decided_by_id)
    assert ada.pk == Approval.objects.get().asked_by_id


@pytest.mark.usefixtures("bea")
def test_the_database_knows_that_it_is_another_person(asked: Approval, ada: User) -> None:
    told: dict[str, Any] = {"was": {"asked"}, "to": "confirmed", "reason": Reason.SECOND_CONFIRMED, "by": "x"}
    for decided_by in (ada.pk, None):
        with pytest.raises(DatabaseError, match="another_person_confirms"):
            APPROVAL.move(Approval.objects.filter(pk=asked.pk), decided_by=decided_by, **told)
    assert status_of(asked) == "asked"


@pytest.mark.parametrize("change", [{"references": []}, {"why": "another"}, {"expires_at": "2099-01-01T00:00Z"}])
def test_what_is_agreed_to_is_what_was_asked_for(asked: Approval, change: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError, match="what_was_asked_for_stays"), transaction.atomic():
        Approval.objects.filter(pk=asked.pk).update(**change)


def test_nobody_agrees_to_what_is_over(ada: User, bea: User) -> None:
    gone = timezone.now() - timedelta(seconds=1)
    late = Approval.objects.create(source=make_source(), why="w", asked_by=ada, expires_at=gone)

    answer = confirm(Approval.objects.all(), person=bea, by="admin:bea")

    assert answer.counts() == {"done": {}, "refused": {"over": 1}}
    assert status_of(late) == "expired"


def test_what_was_agreed_to_is_done_though_its_process_died(asked: Approval, bea: User) -> None:
    told: dict[str, Any] = {"reason": Reason.SECOND_CONFIRMED, "by": "admin:bea"}
    APPROVAL.move(Approval.objects.all(), was={"asked"}, to="confirmed", decided_by=bea.pk, **told)
    assert not barred(asked)

    assert (carry_out(), carry_out()) == (1, 0)

    assert barred(asked)
    assert status_of(asked) == "done"


def test_a_source_is_asked_for_as_a_whole(ada: User, bea: User) -> None:
    source = make_reference().source
    make_reference(source)
    [asked] = ask(source, "given up", person=ada, by="admin:ada")

    confirm(Approval.objects.all(), person=bea, by="admin:bea")

    source.refresh_from_db()
    assert barred(asked)
    assert source.paused


def test_two_are_needed_as_soon_as_there_are_two(settings: Any) -> None:
    assert persons_needed() == 1
    somebody("ada")
    somebody("olga", OPERATOR)
    User.objects.create_user("former", is_superuser=True, is_staff=True, is_active=False)
    assert persons_needed() == 1
    bea = somebody("bea")
    assert persons_needed() == 2
    settings.PURGE_PERSONS = 1
    assert persons_needed() == 1
    bea.delete()
    settings.PURGE_PERSONS = 2
    assert persons_needed() == 2


def act(client: Client, row: Any, action: str, why: str = "") -> str:
    page = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_changelist")
    answer = client.post(page, {"action": action, "_selected_action": [str(row.pk)], "why": why}, follow=True)
    return str(answer.content.decode())


def test_the_console_asks_for_a_second_person_too(ada: User, bea: User, client: Client) -> None:
    item = make_reference()
    client.force_login(ada)
    assert "Say why" in act(client, item, "purge")
    assert "waits until another person" in act(client, item, "purge", "she asked for it")
    asked = Approval.objects.get()
    act(client, asked, "confirm")
    assert status_of(asked) == "asked"

    client.force_login(bea)
    act(client, asked, "confirm")

    assert status_of(asked) == "done"
    assert barred(asked)


@pytest.mark.usefixtures("bea")
def test_refused_needs_a_reason_and_is_the_end(asked: Approval, bea: User, client: Client) -> None:
    client.force_login(bea)
    assert "Say why" in act(client, asked, "refuse")
    act(client, asked, "refuse", "it is evidence")
    act(client, asked, "confirm")

    assert status_of(asked) == "refused"
    assert not barred(asked)
    assert Event.objects.get(lifecycle="approval").note == "it is evidence"


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("what", ["item", "source"])
def test_who_is_alone_is_not_held_up(client: Client, what: str) -> None:
    item = make_reference()
    client.force_login(User.objects.get())

    act(client, item if what == "item" else item.source, "purge", "she asked for it")

    assert not Approval.objects.exists()
    assert not Reference.objects.filter(purged_at=None).exists()
