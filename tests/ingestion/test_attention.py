"""What failed and waits for an answer: until a later attempt takes its place, or somebody saw it and said why."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from console.rolling import roll
from handoffs.models import Handoff, Source
from ingestion import attention
from ingestion.attention import acknowledge
from ingestion.explain import explain
from ingestion.models import IngestRun
from ingestion.operating import requeue
from ingestion.quarantine import discard
from ledger.models import Event
from tests.builders import make_handoff, make_reference, make_run, make_source
from tests.console.test_rolling import everything, tallied
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import said, told

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]

UNREADABLE = ""  # an item without a byte fails for good


def runs(*statuses: str) -> list[IngestRun]:
    return [make_run(status) for status in statuses]


def waiting() -> list[int]:
    return list(IngestRun.objects.outstanding().order_by("pk").values_list("pk", flat=True))


def every() -> Any:
    return IngestRun.objects.all()


@pytest.fixture
def source() -> Source:
    return make_source()


def test_what_failed_or_is_in_quarantine_asks_for_an_answer_and_nothing_else_does() -> None:
    failed, quarantined, *_ = runs("failed", "quarantined", "completed", "cancelled", "eval_rejected", "retry_wait")

    assert waiting() == [failed.pk, quarantined.pk]
    assert attention.outstanding() == 2
    assert attention.outstanding([failed.source_id]) == 1


def test_no_more_are_counted_than_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "COUNTED", 2)
    runs("failed", "failed", "failed")

    assert attention.outstanding() == 2


def test_what_goes_back_to_work_is_off_the_list_at_once_and_a_new_failure_is_on_it_alone(source: Source) -> None:
    deliver(source, a=UNREADABLE)
    work_off()
    [first] = waiting()

    requeue(Handoff.objects.all(), by="ann")
    assert waiting() == []
    work_off()
    everything()

    second = IngestRun.objects.latest("pk").pk
    assert waiting() == [second] != [first]
    assert [one.says for one in explain(first)][1:] == ["A later attempt took its place"]


@pytest.mark.parametrize("status", ["failed", "quarantined"])
def test_what_a_newer_version_of_the_item_took_the_place_of_is_answered(source: Source, status: str) -> None:
    reference = make_reference(source)
    old, other = make_run(status, handoff=make_handoff("failed", reference=reference)), make_run(status)

    make_run("completed", handoff=make_handoff("ingested", reference=reference))
    everything()

    assert waiting() == [other.pk]
    old.refresh_from_db()
    assert (old.status, old.answered) == (status, "tried_again")


def test_an_attempt_before_the_failure_answers_nothing(source: Source) -> None:
    reference = make_reference(source)
    make_run("completed", handoff=make_handoff("ingested", reference=reference))
    failed = make_run("failed", handoff=make_handoff("failed", reference=reference))

    everything()

    assert waiting() == [failed.pk]


def test_whoever_saw_it_says_why_and_that_is_kept_and_counts_as_no_second_failure() -> None:
    failed, quarantined, done = runs("failed", "quarantined", "completed")

    told = acknowledge(every(), "a scan of an empty page", by="ann")

    assert told.done == {"acknowledged": [failed.pk]}
    assert told.refused == {"not_failed": [quarantined.pk, done.pk]}
    assert waiting() == [quarantined.pk]
    event = Event.objects.get(lifecycle="run", row_id=failed.pk)
    assert (event.was, event.became, event.reason) == ("failed", "failed", "acknowledged")
    assert (event.by, event.note) == ("ann", "a scan of an empty page")
    everything()
    assert tallied().total() == 0


def test_it_is_acknowledged_once() -> None:
    [failed] = runs("failed")
    acknowledge(every(), "seen", by="ann")

    assert acknowledge(every(), "seen", by="bob").refused == {"answered_already": [failed.pk]}
    assert Event.objects.count() == 1


def test_two_people_acknowledge_at_once_and_it_is_noted_once(elsewhere: Callable[..., Any]) -> None:
    [failed] = runs("failed")

    with transaction.atomic():
        attention.acknowledging(by="first", why="seen")([failed.pk])
        second = elsewhere(acknowledge, every(), "seen", by="second")  # returns once it waits for our lock

    assert second.result(timeout=5).of("answered_already") == [failed.pk]
    assert [event.by for event in Event.objects.all()] == ["first"]


def test_what_somebody_gave_up_asks_for_nothing_more() -> None:
    runs("quarantined")

    discard(every(), "not ours", by="ann")

    assert waiting() == []


def test_acknowledged_by_command_for_a_reason_and_nothing_without_one() -> None:
    failed, other = runs("failed", "quarantined")
    told("runs", "acknowledge", failed.pk, status=2)
    assert waiting() == [failed.pk, other.pk]
    assert [run["id"] for run in said("runs", "list", "--outstanding")["runs"]] == [failed.pk, other.pk]

    assert said("runs", "acknowledge", "--outstanding", "--why", "seen", "--dry-run")["done"] == {"acknowledged": 1}
    assert said("runs", "acknowledge", "--outstanding", "--why", "seen")["ids"] == {"acknowledged": [failed.pk]}

    assert waiting() == [other.pk]
    shown = said("runs", "show", failed.pk)["runs"][0]
    assert (shown["answered"], shown["events"][-1]["note"]) == ("acknowledged", "seen")


def test_the_work_is_the_same_for_one_and_for_many(statement_count: Callable[[], int]) -> None:
    counts = []
    for size in (1, 30):
        runs(*["failed"] * size)
        statement_count()
        acknowledge(every(), "seen", by="ann")
        counts.append(statement_count())

    assert counts[0] == counts[1]


def test_the_list_of_what_needs_attention_is_read_from_an_index_of_it_alone() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")

        assert "run_outstanding" in IngestRun.objects.outstanding().order_by("-pk")[:50].explain()


def test_attempts_are_looked_at_in_pages_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch, source: Source) -> None:
    monkeypatch.setattr("console.rolling.PAGE", 2)
    for reference in [make_reference(source) for _ in range(5)]:
        make_run("failed", handoff=make_handoff("failed", reference=reference))
        make_run("completed", handoff=make_handoff("ingested", reference=reference))

    while roll():
        pass

    assert waiting() == []
