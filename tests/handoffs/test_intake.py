"""What becomes of a page of arrivals, for each way in which an item can come back."""

import pytest
from django.db import transaction

from handoffs.intake import Arrival, Taken, receive
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff, Reference
from ledger.reasons import Reason
from tests.builders import make_payload, make_source

pytestmark = pytest.mark.django_db


@pytest.fixture
def source():
    return make_source()


def arrive(source, content: str | None, name: str = "a.md", reason: Reason | None = None) -> Taken:
    payload = make_payload(content.encode()) if content is not None else None
    payload_hash = payload.payload_hash if payload else None
    with transaction.atomic():
        return receive(source, [Arrival(name, f"signature of {content}", 1, payload_hash, reason=reason)])


def end(source, content: str, *, as_: str = "ingested") -> None:
    """The handoff of this content goes its way; ingested, it is what the reference holds."""
    payload = make_payload(content.encode())
    rows = Handoff.objects.filter(source=source, payload=payload)
    for was, to in (("pending", "queued"), ("queued", "ingesting"), ("ingesting", as_)):
        HANDOFF.move(rows, was={was}, to=to, reason=Reason.STARTED, by="test")
    if as_ == "ingested":
        Reference.objects.filter(source=source).update(applied_payload=payload)


def start(source, content: str) -> None:
    rows = Handoff.objects.filter(source=source, payload=make_payload(content.encode()))
    HANDOFF.move(rows, was={"pending"}, to="queued", reason=Reason.ADMITTED, by="test")


def handoffs(source) -> dict[str, tuple[str, str, int]]:
    """By payload: status, reason, how often it was opened."""
    contents = {make_payload(name.encode()).payload_hash: name for name in "ABC"}
    return {contents[h.payload_id]: (h.status, h.reason, h.opened) for h in Handoff.objects.filter(source=source)}


def test_a_new_item_makes_a_handoff(source):
    assert arrive(source, "A") == Taken(new=1)
    assert handoffs(source) == {"A": ("pending", "new", 1)}


def test_the_same_page_twice_makes_one_handoff(source):
    arrive(source, "A")
    assert arrive(source, "A") == Taken()
    assert handoffs(source) == {"A": ("pending", "new", 1)}


def test_a_newer_payload_supersedes_the_one_that_waits(source):
    arrive(source, "A")
    assert arrive(source, "B") == Taken(new=1)
    assert handoffs(source) == {"A": ("superseded", "newer_payload", 1), "B": ("pending", "changed", 1)}


def test_a_newer_payload_waits_beside_the_one_that_runs(source):
    arrive(source, "A")
    start(source, "A")
    arrive(source, "B")
    assert handoffs(source) == {"A": ("queued", "admitted", 1), "B": ("pending", "changed", 1)}


def test_going_back_to_earlier_bytes_opens_their_handoff_again_and_counts_it(source):
    arrive(source, "A")
    end(source, "A")
    arrive(source, "B")
    end(source, "B")
    assert arrive(source, "A") == Taken(reopened=1)
    assert handoffs(source)["A"] == ("pending", "restored", 2)


def test_going_back_while_the_other_bytes_are_on_their_way_opens_it_again(source):
    arrive(source, "A")
    end(source, "A")
    arrive(source, "B")
    start(source, "B")
    assert arrive(source, "A") == Taken(reopened=1)


def test_going_back_before_the_other_bytes_went_leaves_what_is_applied(source):
    arrive(source, "A")
    end(source, "A")
    arrive(source, "B")
    assert arrive(source, "A") == Taken()
    assert {status for status, *_ in handoffs(source).values()} == {"ingested", "superseded"}


@pytest.mark.parametrize("outcome", ["ingested", "failed", "rejected", "skipped"])
def test_a_touch_makes_nothing_whatever_became_of_the_bytes(source, outcome):
    arrive(source, "A")
    end(source, "A", as_=outcome)
    assert arrive(source, "A") == Taken()
    assert handoffs(source)["A"][0] == outcome


def test_a_superseded_payload_that_comes_back_is_opened_again(source):
    arrive(source, "A")
    arrive(source, "B")
    assert arrive(source, "A") == Taken(reopened=1)
    assert {name: status for name, (status, *_) in handoffs(source).items()} == {"A": "pending", "B": "superseded"}


@pytest.mark.parametrize("outcome", ["ingested", "failed"])
def test_an_item_that_was_gone_and_comes_back_is_done_again(source, outcome):
    arrive(source, "A")
    end(source, "A", as_=outcome)
    Reference.objects.filter(source=source).update(gone_at="2026-01-01T00:00Z")

    assert arrive(source, "A") == Taken(reopened=1)

    assert Reference.objects.get(source=source).gone_at is None
    assert handoffs(source)["A"] == ("pending", "restored", 2)


def test_bytes_that_were_not_taken_make_no_handoff_but_are_remembered(source):
    assert arrive(source, None, reason=Reason.TOO_LARGE) == Taken()
    assert Reference.objects.get(source=source).reason == "too_large"
    assert arrive(source, "A") == Taken(new=1)
    assert Reference.objects.get(source=source).reason == ""


def test_statements_do_not_grow_with_the_page(source, statement_count):
    counts = []
    for size, mark in ((2, "x"), (200, "y")):
        for version in ("new", "changed", "changed again"):  # the last one supersedes the one before
            page = [
                Arrival(f"{mark}{n}", version, 1, make_payload(f"{mark}{n}{version}".encode()).payload_hash)
                for n in range(size)
            ]
            statement_count()
            with transaction.atomic():
                receive(source, page)
            counts.append(statement_count())
    assert counts[:3] == counts[3:]
    assert max(counts) <= 6
