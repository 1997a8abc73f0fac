"""All batches that match, taken back or let count again: page by page, once each, and exactly those that were meant."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import reverse

from console import deeds, operating
from console.models import Operation, Sight
from console.operating import begin, cancel, preview, work
from console.roles import REVIEWER
from ingestion.auditing import audit
from ledger.models import Event
from patches.apply import lock
from patches.models import ApplyTransaction, PatchBatch
from patches.revert import restoring, reverting
from tests.builders import make_batch, make_reflection, make_source
from tests.console.test_operations import rounds, state
from tests.ingestion.test_commands import said
from tests.patches.test_knowledge import open_of
from tests.patches.test_revert import ANN, BOB, CAT, status, take_back, tell

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]

APPLIED = "status__exact=applied"


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches a page, and one page a round."""
    for name, deed in deeds.DEEDS.items():
        monkeypatch.setitem(operating.DEEDS, name, replace(deed, at_once=2))
    monkeypatch.setattr(operating, "BUDGET_S", 0)


@pytest.fixture
def cleo() -> User:
    person = User.objects.create_user("cleo", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=REVIEWER)[0])
    return person


def order(person: User, name: str = "batch.revert", query: str = APPLIED) -> Operation:
    return begin(name, query, "a poisoned mailbox", person=person, by="admin:cleo")


def applied(number: int) -> list[PatchBatch]:
    source = make_source()
    return [make_batch(source, "applied") for _ in range(number)]


def reverts() -> int:
    return Event.objects.filter(lifecycle="batch", became="reverted").count()


def test_the_page_says_what_can_be_reverted_what_cannot_and_why(admin_client: Client) -> None:
    applied(2)
    make_batch(status="proposed")
    page = admin_client.get(reverse("admin:operate", args=["batch.revert"])).content.decode()

    assert "<b>3</b> match" in page
    assert "not applied" in page
    assert "Revert 2</button>" in page
    assert not ApplyTransaction.objects.exists()
    assert not Event.objects.exists()


def test_all_that_match_are_reverted_and_restored_with_the_words_of_who_asked(cleo: User) -> None:
    source = make_source()
    for item, text in {"a": ANN, "b": BOB, "c": CAT}.items():
        tell(source, **{item: text})
    before = open_of("acme", "led_by")

    gone = order(cleo)
    assert rounds(gone) == 2
    assert open_of("acme", "led_by") == []
    back = order(cleo, "batch.restore", "status__exact=reverted")
    rounds(back)

    assert (gone.status, gone.done, gone.refused) == ("done", {"reverted": 3}, {})
    assert (back.status, back.done) == ("done", {"restored": 3})
    assert open_of("acme", "led_by") == before
    asked = Event.objects.filter(lifecycle="batch", became="reverted").values_list("by", "note", "request_id")
    assert set(asked) == {("admin:cleo", "a poisoned mailbox", gone.request_id)}
    assert audit() == []


def fell_back(source: object) -> tuple[PatchBatch, PatchBatch]:
    """What a document says now, and what it said before, of which the batch came later."""
    now = tell(source, a=ANN)
    said_before = tell(source, a=BOB)
    tell(source, a=ANN)
    assert now.pk < said_before.pk
    assert (status(now), status(said_before)) == ("applied", "superseded")
    return now, said_before


def one_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(operating.DEEDS, "batch.revert", replace(deeds.DEEDS["batch.revert"], at_once=1))


def test_what_comes_back_in_place_of_the_reverted_was_not_meant(cleo: User, monkeypatch: pytest.MonkeyPatch) -> None:
    one_a_page(monkeypatch)
    source = make_source()
    now, said_before = fell_back(source)
    other = tell(source, b=CAT)
    operation = order(cleo)

    rounds(operation)

    assert operation.done == {"reverted": 2}
    assert [status(one) for one in (now, other, said_before)] == ["reverted", "reverted", "applied"]
    assert audit() == []


def test_what_was_meant_is_reverted_though_it_has_come_back_meanwhile(
    cleo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_a_page(monkeypatch)
    now, said_before = fell_back(make_source())
    operation = order(cleo, query="")

    rounds(operation)

    assert [status(one) for one in (now, said_before)] == ["reverted", "reverted"]
    assert operation.done == {"reverted": 2}
    assert open_of("acme", "led_by") == []


def test_killed_in_a_page_it_goes_on_and_reverts_each_once(
    cleo: User, at: Callable[[str, Callable[[], object]], None]
) -> None:
    applied(5)
    operation = order(cleo)
    work()
    assert state(operation) == ("running", 2)

    def die() -> None:
        raise RuntimeError("killed")

    at("revert.before_commit", die)
    with pytest.raises(RuntimeError):
        work()
    assert (state(operation), reverts()) == (("running", 2), 2)
    rounds(operation)

    assert (operation.done, operation.looked_at) == ({"reverted": 5}, 5)
    assert (reverts(), ApplyTransaction.objects.count()) == (5, 3)


def test_cancelled_it_reverts_no_more(cleo: User) -> None:
    applied(5)
    operation = order(cleo)
    work()

    assert cancel(Operation.objects.all(), by="cleo") == [operation.pk]
    work()

    assert (state(operation), reverts()) == (("cancelled", 2), 2)


def test_it_is_for_the_knowledge_bases_that_the_person_sees_also_when_that_changes(cleo: User) -> None:
    mine, others = make_batch(status="applied"), applied(3)
    seen = Sight.objects.create(person=cleo)
    seen.reflections.add(mine.reflection, others[0].reflection)
    unseen = make_batch(status="applied")
    assert preview(deeds.DEEDS["batch.revert"], APPLIED, cleo).done == {"reverted": 4}
    operation = order(cleo)
    work()
    seen.reflections.remove(others[0].reflection)

    rounds(operation)

    assert [status(one) for one in (mine, *others, unseen)] == ["reverted", "reverted", *["applied"] * 3]


def test_operations_of_batches_are_listed_by_command(cleo: User) -> None:
    applied(1)
    operation = order(cleo)
    rounds(operation)

    [shown] = said("operations", "show", operation.pk)["operations"]

    assert (shown["deed"], shown["matched"], shown["done"]) == ("batch.revert", 1, {"reverted": 1})


def test_ticked_batches_are_reverted_at_once(admin_client: Client) -> None:
    mine, other = applied(2)
    form = {"action": "revert", "_selected_action": [mine.pk], "why": "it is wrong"}

    admin_client.post(reverse("admin:patches_patchbatch_changelist"), form)

    assert (status(mine), status(other)) == ("reverted", "applied")


def test_a_page_of_several_knowledge_bases_says_of_each_batch_what_became_of_it() -> None:
    batches = [make_batch(make_source(reflection=make_reflection()), "applied") for _ in range(2)]
    odd = make_batch()
    ids = [one.pk for one in (*batches, odd)]

    told = reverting(by="ann", why="wrong")(ids)
    back = restoring(by="ann", why="right after all")(ids)

    assert told.counts() == {"done": {"reverted": 2}, "refused": {"not_applied": 1}}
    assert back.counts() == {"done": {"allowed_again": 2}, "refused": {"not_reverted": 1}}


def test_a_page_takes_the_same_number_of_statements_whatever_its_size(statement_count: Callable[[], int]) -> None:
    counts = []
    for size in (2, 9):
        ids = [one.pk for one in applied(size)]
        statement_count()
        reverting(by="ann", why="wrong")(ids)
        restoring(by="ann", why="right after all")(ids)
        counts.append(statement_count())
    assert counts[0] == counts[1]


def test_only_what_was_live_is_taken_back_again(cleo: User) -> None:
    batch = make_batch(status="applied")
    operation = order(cleo)
    take_back(batch)

    rounds(operation)

    assert (operation.done, operation.refused) == ({}, {"already_reverted": 1})


def test_an_apply_and_a_page_of_reverts_wait_for_each_other(
    elsewhere: Callable[..., Any], at: Callable[[str, Callable[[], object]], None]
) -> None:
    [batch] = applied(1)
    others: list[Any] = []

    def beside() -> None:
        if not others:
            others.append(elsewhere(lock_it, batch.reflection_id))  # returns once it waits, or is through

    at("revert.before_commit", beside)
    with transaction.atomic():
        reverting(by="ann", why="wrong")([batch.pk])
        assert not others[0].done()
    others[0].result(timeout=10)


def lock_it(reflection_id: int) -> None:
    with transaction.atomic():
        lock(reflection_id)
