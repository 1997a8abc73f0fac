"""An occurrence and whoever takes it up: one sync at a time, one end, and nothing forgotten when a worker dies."""

import time
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from handoffs.models import Reference, Source
from ingestion import occurrences, sync, triggering
from ingestion.connectors import CONNECTORS
from ingestion.heartbeat import renewing
from ingestion.models import Cause, Occurrence, RetryRule
from ingestion.occurrences import take_up
from ingestion.recovery import sweep
from ingestion.workers import give_back_syncs, prefix
from ledger.failures import Auth, Gone, RateLimited, Transient
from ledger.models import Event
from ledger.reasons import Reason
from tests.builders import make_occurrence, make_source
from tests.doubles import Ticker

pytestmark = pytest.mark.django_db


class Away(Ticker):
    """Fails to be listed as the test says, after the changes that there are."""

    failure: list[BaseException] = []

    def list(self, cursor):
        yield from super().list(cursor)
        for failure in self.failure:
            raise failure


@pytest.fixture(autouse=True)
def remote(monkeypatch):
    monkeypatch.setitem(CONNECTORS, "away", "tests.ingestion.test_occurrences.Away")
    monkeypatch.setattr(Away, "failure", [])
    monkeypatch.setattr(Ticker, "changes", [("a", "one"), ("b", "two")])
    monkeypatch.setattr(Ticker, "asked", [])
    return Away


@pytest.fixture
def source():
    return make_source(kind="away")


def due(source: Source, **fields) -> Occurrence:
    return make_occurrence("due", source=source, **fields)


def again(one: Occurrence) -> Occurrence:
    """Let its time come."""
    Occurrence.objects.filter(pk=one.pk, status="due").update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    one.refresh_from_db()
    return one


def events(one: Occurrence) -> list[tuple[str, str]]:
    rows = Event.objects.filter(lifecycle="occurrence", row_id=one.pk).order_by("pk")
    return list(rows.values_list("became", "reason"))


def test_an_occurrence_is_synced_once_and_keeps_its_report(source, remote):
    one = due(source)
    assert take_up(one.pk, worker="w")
    assert not take_up(one.pk, worker="w")
    one.refresh_from_db()
    assert (one.status, one.reason, one.fence, one.worker, one.lease_until) == ("done", "synced", 1, "", None)
    assert (one.report["listed"], one.report["new"], one.report["refused"]) == (2, 2, {})
    assert events(one) == [("running", "started"), ("done", "synced")]
    assert len(remote.asked) == 1


@pytest.mark.parametrize("not_yet", ["next_attempt_at", "paused"])
def test_nothing_begins_before_its_time_or_while_its_source_is_paused(source, remote, not_yet):
    one = due(source)
    if not_yet == "paused":
        Source.objects.update(paused=True)
    else:
        Occurrence.objects.update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert not take_up(one.pk, worker="w")
    assert remote.asked == []


def test_of_a_source_one_is_synced_at_a_time(source, remote):
    make_occurrence("running", source=source)
    one = due(source)
    assert not take_up(one.pk, worker="w")
    one.refresh_from_db()
    assert (one.status, remote.asked) == ("due", [])


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_twice_is_worked_on_once(source, remote, elsewhere, at):
    one = due(source)
    second = []
    at("occurrence.boarded", lambda: second.append(elsewhere(take_up, one.pk, worker="second").result(timeout=5)))
    assert take_up(one.pk, worker="first")
    assert (second, len(remote.asked)) == ([False], 1)


@pytest.mark.django_db(transaction=True)
def test_while_another_process_syncs_the_source_the_occurrence_waits(source, elsewhere):
    one = due(source)
    with sync.alone(source):
        assert elsewhere(take_up, one.pk, worker="w").result(timeout=5)
    one.refresh_from_db()
    assert (one.status, one.reason, one.attempts, one.report) == ("due", "sync_busy", 0, {})
    assert take_up(again(one).pk, worker="w")
    one.refresh_from_db()
    assert one.status == "done"


@pytest.mark.parametrize(
    ("failure", "status", "attempts", "waits_s"),
    [
        (Transient(Reason.REMOTE_UNAVAILABLE), "due", 1, (0, 60)),
        (RateLimited(Reason.REMOTE_BUSY, retry_after=timedelta(minutes=7)), "due", 0, (415, 420)),
        (Auth(Reason.KEY_REFUSED, "the password"), "failed", 1, None),
        (Gone(Reason.VANISHED), "failed", 1, None),
        (KeyError("a letter's subject"), "due", 1, (0, 5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_becomes_of_a_failure_is_its_policys_to_say(remote, failure, status, attempts, waits_s):
    one = due(make_source(kind="away"))
    remote.failure.append(failure)
    assert take_up(one.pk, worker="w")
    one.refresh_from_db()
    assert (one.status, one.attempts) == (status, attempts)
    if waits_s:
        least, most = waits_s
        assert least <= (one.next_attempt_at - timezone.now()).total_seconds() + 1 <= most + 1
    if isinstance(failure, KeyError):
        assert (one.failure, one.detail) == ("unexpected", "KeyError")
        assert "test_occurrences" in one.traceback
        assert "subject" not in one.traceback + one.detail
    remote.failure.clear()
    if status == "due":
        take_up(again(one).pk, worker="w")
        one.refresh_from_db()
        assert (one.status, one.failure, one.detail, one.traceback) == ("done", "", "", "")


def test_the_retry_rule_of_the_connector_counts(source, remote):
    RetryRule.objects.create(kind="away", failure="transient", attempts=2, base_s=1, cap_s=1, then="failed")
    one = due(source)
    remote.failure.append(Transient(Reason.REMOTE_UNAVAILABLE))
    take_up(one.pk, worker="w")
    take_up(again(one).pk, worker="w")
    one.refresh_from_db()
    assert (one.status, one.reason, one.attempts) == ("failed", "remote_unavailable", 2)


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_takes_too_long_goes_on_if_it_took_anything_in(source, remote, monkeypatch):
    monkeypatch.setattr(sync, "LISTED_AT_ONCE", 2)
    one = due(source)
    remote.failure.append(SoftTimeLimitExceeded())
    take_up(one.pk, worker="w")
    one.refresh_from_db()
    assert (one.status, one.reason, one.attempts) == ("due", "time_limit", 0)
    take_up(again(one).pk, worker="w")  # now there was nothing new
    one.refresh_from_db()
    assert (one.status, one.reason, one.attempts, one.failure) == ("due", "time_limit", 1, "timeout")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_given_up_writes_no_end(source, at):
    one = due(source)

    taken_over: list[occurrences.Hold | None] = []

    def overtake() -> None:
        Occurrence.objects.filter(pk=one.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert sweep().repaired["syncs_lost"] == 1
        again(one)
        taken_over.append(occurrences._board(one.pk, "second"))

    at("occurrence.boarded", overtake)
    assert not take_up(one.pk, worker="first")
    one.refresh_from_db()
    assert (one.status, one.fence, one.crashes, one.worker) == ("running", 2, 1, "second")
    assert taken_over[0].end("done", Reason.SYNCED)
    assert events(one) == [
        ("running", "started"),
        ("due", "lease_lost"),
        ("running", "started"),
        ("done", "synced"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_and_tells_how_far_the_sync_is(source, settings):
    settings.LEASE_S = 0.3
    one = make_occurrence("running", source=source, lease_until=timezone.now())
    hold = occurrences.Hold(one, "w", {"listed": 7})
    one.fence -= 1
    with renewing(occurrences.BEAT, hold.parameters) as lost:
        until(lambda: Occurrence.objects.get().report == {"listed": 7})
        assert Occurrence.objects.get().lease_until > one.lease_until
        Occurrence.objects.update(fence=9)
        until(lost.is_set)


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_who_lost_the_lease_stops_at_the_next_page(source, at, monkeypatch):
    one = due(source)
    monkeypatch.setattr(sync, "LISTED_AT_ONCE", 2)
    at("sync.after_commit", lambda: Occurrence.objects.update(fence=9))
    monkeypatch.setattr(occurrences, "renewing", lost_at_once)
    assert not take_up(one.pk, worker="w")
    assert Reference.objects.count() == 1


class lost_at_once:
    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None: ...

    def is_set(self) -> bool:
        return True


def test_a_worker_that_dies_three_times_of_it_is_not_asked_again(source):
    one = due(source)
    for crashes in range(1, 4):
        Occurrence.objects.filter(pk=one.pk).update(
            status="running",
            next_attempt_at=None,
            lease_until=timezone.now() - timedelta(seconds=1),
            started_at=timezone.now(),
        )
        assert sweep().repaired["syncs_lost"] == 1
        one.refresh_from_db()
        assert one.crashes == crashes
    assert (one.status, one.reason, one.failure) == ("failed", "crashed", "crash")


def test_a_restart_of_the_database_is_nobodys_crash(source):
    one = make_occurrence(
        "running", source=source, lease_until=timezone.now() - timedelta(days=1), started_at="2000-01-01T00:00Z"
    )
    sweep()
    one.refresh_from_db()
    assert (one.status, one.crashes) == ("due", 0)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_end_gives_back_what_it_syncs(source, monkeypatch):
    monkeypatch.setattr("ingestion.workers.os.getpid", lambda: 4242)
    ours = make_occurrence("running", source=source, worker=f"{prefix(4242)}1:abc")
    others = make_occurrence("running", worker=f"{prefix(4243)}1:abc")
    give_back_syncs()
    ours.refresh_from_db()
    others.refresh_from_db()
    assert (ours.status, ours.reason, ours.crashes, others.status) == ("due", "interrupted", 0, "running")


def rung(monkeypatch) -> list[int]:
    bells: list[int] = []
    monkeypatch.setattr("ingestion.repairs.syncs.ring_sync", lambda pk, _: bells.append(pk))
    sweep()
    return bells


@pytest.mark.django_db(transaction=True)
def test_a_worker_is_sent_for_when_it_is_due_and_again_when_none_came(source, monkeypatch):
    one, later = due(source), due(make_source(), next_attempt_at=timezone.now() + timedelta(hours=1))
    due(make_source(paused=True))
    busy = make_occurrence("running")
    due(busy.source)
    assert rung(monkeypatch) == [one.pk]
    assert rung(monkeypatch) == []
    Occurrence.objects.filter(pk=one.pk).update(rung_at=timezone.now() - timedelta(hours=1))
    again(later)
    assert sorted(rung(monkeypatch)) == [one.pk, later.pk]


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_for_while_one_is_due_is_that_one_and_now(source):
    waits = due(source, next_attempt_at=timezone.now() + timedelta(hours=1), attempts=2)
    assert triggering.ask(source, Cause.HINTED, by="watch") == waits.pk
    waits.refresh_from_db()
    assert waits.next_attempt_at > timezone.now()  # it waits for a reason
    assert triggering.ask(source, Cause.ASKED, by="ann", accept_deletions=True) == waits.pk
    assert triggering.ask(source, Cause.ASKED, by="ann", recheck=True) == waits.pk
    waits.refresh_from_db()
    assert waits.next_attempt_at <= timezone.now()
    assert (waits.accept_deletions, waits.recheck) == (True, True)


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_for_while_one_runs_comes_after_it(source):
    running = make_occurrence("running", source=source)
    asked = triggering.ask(source, Cause.ASKED, by="ann")
    assert asked != running.pk
    assert triggering.ask(source, Cause.HINTED, by="watch") == asked


@pytest.mark.django_db(transaction=True)
def test_fifty_who_ask_at_once_get_one_sync(source):
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    def ask(_: int) -> int:
        try:
            return triggering.ask(source, Cause.ASKED, by="ann")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(50)))) == 1


def test_a_half_finished_sync_goes_on_from_the_cursor_that_was_kept(source, remote, monkeypatch):
    monkeypatch.setattr(sync, "LISTED_AT_ONCE", 2)
    one = due(source)
    remote.failure.append(Transient(Reason.REMOTE_UNAVAILABLE))
    take_up(one.pk, worker="w")
    remote.failure.clear()
    take_up(again(one).pk, worker="w")
    assert remote.asked == [0, 2]
    assert Reference.objects.filter(source=source).count() == 2


def test_taking_up_costs_few_statements(source, statement_count):
    one = due(source)
    statement_count()
    hold = occurrences._board(one.pk, "w")
    boarded = statement_count()
    hold.end("done", Reason.SYNCED)
    assert (boarded, statement_count()) == (2, 1)
