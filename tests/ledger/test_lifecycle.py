import pytest
from django.db import DatabaseError, transaction

from handoffs.lifecycles import HANDOFF
from handoffs.models import HandoffStatus
from ingestion.lifecycles import FLIGHT, RUN
from ingestion.models import FlightStatus, IngestRun, RunStatus
from ledger.lifecycle import FromNow, take
from ledger.models import Event
from ledger.reasons import Reason
from patches.lifecycles import BATCH
from patches.models import BatchStatus
from tests.builders import make_run


def rows(*runs: IngestRun):
    return IngestRun.objects.filter(pk__in=[run.pk for run in runs])


def release(runs, *, by):
    return RUN.move(runs, was={"quarantined"}, to="pending", reason=Reason.RELEASED, by=by, next_attempt_at=FromNow())


@pytest.mark.parametrize(
    ("lifecycle", "choices"), [(RUN, RunStatus), (FLIGHT, FlightStatus), (HANDOFF, HandoffStatus), (BATCH, BatchStatus)]
)
def test_table_and_statuses_name_the_same_states(lifecycle, choices):
    assert lifecycle.states == set(choices.values)


def test_a_step_that_the_table_lacks_is_a_bug_not_a_lost_race():
    with pytest.raises(ValueError, match=r"run: no step from \['completed'\] to running"):
        RUN.move(IngestRun.objects.none(), was={"completed"}, to="running", reason=Reason.RELEASED, by="test")


@pytest.mark.django_db
def test_move_takes_only_what_is_still_in_the_expected_state_and_writes_one_event_each():
    held, waiting = make_run("quarantined"), make_run("retry_wait")

    assert release(rows(held, waiting), by="ann") == [held.pk]

    held.refresh_from_db()
    waiting.refresh_from_db()
    assert (held.status, held.reason) == ("pending", "released")
    assert waiting.status == "retry_wait"
    assert list(Event.objects.values_list("lifecycle", "row_id", "was", "became", "reason", "by")) == [
        ("run", held.pk, "quarantined", "pending", "released", "ann")
    ]


@pytest.mark.django_db
def test_each_row_can_get_a_reason_and_a_value_of_its_own():
    one, two = make_run("running"), make_run("running")
    RUN.move(
        rows(one, two),
        was={"running"},
        to="failed",
        reason={one.pk: Reason.EMPTY, two.pk: Reason.CORRUPT},
        by="test",
        attempts={one.pk: 1, two.pk: 2},
        flight=None,
    )
    found = IngestRun.objects.order_by("pk").values_list("reason", "attempts", "flight")
    assert list(found) == [("empty", 1, None), ("corrupt", 2, None)]


@pytest.mark.django_db
def test_nothing_to_move_is_no_error():
    assert take(RUN.step(rows(), was={"running"}, to="failed", reason=Reason.EMPTY, by="test")) == [[]]


@pytest.mark.django_db(transaction=True)
def test_two_operators_release_at_once_and_the_run_moves_once(elsewhere):
    run = make_run("quarantined")

    with transaction.atomic():
        assert release(rows(run), by="first") == [run.pk]
        second = elsewhere(release, rows(run), by="second")

    assert second.result(timeout=5) == []
    assert list(Event.objects.values_list("by", flat=True)) == ["first"]


@pytest.mark.django_db
def test_one_statement_whatever_the_number_of_rows(statement_count):
    for size in (1, 50):
        runs = [make_run("quarantined") for _ in range(size)]
        statement_count()
        assert len(release(rows(*runs), by="ann")) == size
        assert statement_count() == 1


@pytest.mark.django_db
def test_database_refuses_a_step_that_the_table_lacks():
    run = make_run("completed")
    with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
        rows(run).update(status="running")


@pytest.mark.django_db
@pytest.mark.parametrize("deed", ["UPDATE ledger_event SET by = 'x'", "DELETE FROM ledger_event"])
def test_events_can_be_neither_changed_nor_removed(deed):
    release(rows(make_run("quarantined")), by="ann")
    with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic(), transaction.get_connection().cursor() as c:
        c.execute(deed)


@pytest.mark.django_db
def test_a_move_keeps_what_a_person_says_of_why():
    held = make_run("quarantined")
    told = {"reason": Reason.RELEASED, "by": "ann", "next_attempt_at": FromNow()}
    RUN.move(rows(held), was={"quarantined"}, to="pending", note="the parser is mended", **told)
    assert Event.objects.get().note == "the parser is mended"
