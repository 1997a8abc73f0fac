"""Sums of the ledger: exact against a recount, whoever commits late, and the same work however much there is."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.db.models.functions import Round
from django.utils import timezone

from console import rolling
from console.models import Backlog, Gauge, Latency, Mark, Newest, Tally, Trouble, Usage
from console.rolling import roll
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import chores, dispatch, recovery
from ingestion.duty import Rounds
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun, StageOutput, Visit
from ingestion.stages import ORDER
from ledger import statements
from ledger.lifecycle import FromNow
from ledger.models import Event
from ledger.reasons import Reason
from patches.lifecycles import BATCH
from patches.models import PatchBatch
from tests.builders import make_batch, make_handoff, make_reflection, make_run, make_source
from tests.flying import deliver_all, open_flights, silence, work_off

pytestmark = pytest.mark.django_db(transaction=True)
MIGRATION = import_module("console.migrations.0006_summed_over_sources")


@pytest.fixture
def writer() -> Iterator[Any]:
    """A second connection in an open transaction, which it ends itself."""
    other = connection.copy()
    other.set_autocommit(False)
    yield other
    other.close()


def end(run: IngestRun, to: str, reason: Reason) -> None:
    RUN.move(IngestRun.objects.filter(pk=run.pk), was={"running"}, to=to, reason=reason, by="worker")


def reject(batch: PatchBatch) -> None:
    rows = PatchBatch.objects.filter(pk=batch.pk)
    BATCH.move(rows, was={"proposed"}, to="rejected", reason=Reason.GATE_REJECTED, by="gate")


def of_no_source() -> PatchBatch:
    """A batch as a person's hand makes one."""
    return PatchBatch.objects.create(
        reflection=make_reflection(), content_hash="0" * 64, recipe="r", digest="d", status="proposed"
    )


def tallied(span: int = 60, *, of_all: bool = False) -> Counter[tuple[Any, ...]]:
    """What is summed up of each source, or of all of them together."""
    found: Counter[tuple[Any, ...]] = Counter()
    for row in Tally.objects.filter(span=span, source__isnull=of_all):
        found[row.lifecycle, row.source_id, row.became, row.reason, row.at] += row.times
    return found


def together(found: Counter[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """What was counted of each source, summed over them."""
    summed: Counter[tuple[Any, ...]] = Counter()
    for (lifecycle, _, *rest), times in found.items():
        summed[lifecycle, None, *rest] += times
    return summed


def recounted() -> Counter[tuple[Any, ...]]:
    source_of = {
        "run": dict(IngestRun.objects.values_list("pk", "source")),
        "batch": dict(PatchBatch.objects.values_list("pk", "source")),
    }
    return Counter(
        (
            one.lifecycle,
            source_of[one.lifecycle][one.row_id],
            one.became,
            one.reason,
            one.at.replace(second=0, microsecond=0),
        )
        for one in Event.objects.filter(lifecycle__in=source_of)
    )


def everything() -> None:
    while roll():
        pass


def test_what_is_summed_up_is_what_a_recount_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "PAGE", 3)  # several rounds
    sources = [make_source(), make_source()]
    for source in sources:
        for to, reason in (("completed", Reason.APPLIED), ("failed", Reason.CORRUPT), ("failed", Reason.CORRUPT)):
            end(make_run("running", source=source), to, reason)
    reject(make_batch())

    everything()

    assert tallied() == recounted()
    assert tallied(of_all=True) == together(recounted())
    for span in (3600, 86400):
        assert tallied(span).total() == tallied().total() == 7
        assert tallied(span, of_all=True) == together(tallied(span))
    assert {row.source_id for row in Newest.objects.all()} == {source.pk for source in sources}
    everything()
    assert tallied().total() == tallied(of_all=True).total() == 7  # nothing is counted twice


def test_what_belongs_to_no_source_is_in_the_sum_of_all_alone() -> None:
    reject(make_batch())
    reject(of_no_source())

    everything()

    assert recounted().total() == 2
    assert tallied() == Counter({told: n for told, n in recounted().items() if told[1] is not None})
    assert tallied(of_all=True) == together(recounted())


def test_what_flights_took_is_summed_up_for_each_span(settings: Any, models: Any) -> None:  # noqa: ARG001
    settings.OPEN_FLIGHTS = 1
    source = make_source()
    deliver_all(source, {"a": "one", "b": "two and more", "c": ""})
    work_off()
    roll()
    deliver_all(source, {"d": "three"})
    work_off()

    everything()

    for span in (60, 3600, 86400):
        for stage in ORDER:
            visits = list(Visit.objects.filter(stage=stage))
            rows = list(Usage.objects.filter(span=span, stage=stage, source=source))
            assert sum(row.visits for row in rows) == len(visits) == 2
            assert sum(row.runs for row in rows) == sum(len(visit.runs) for visit in visits)
            assert sum(row.items for row in rows) == sum(sum(visit.items) for visit in visits)
            assert max(row.peak_bytes for row in rows) == max(visit.peak_bytes for visit in visits)
            for name in ("size_bytes", "waited_s", "took_s", "cpu_s"):
                summed = sum(getattr(row, name) for row in rows)
                assert summed == pytest.approx(sum(getattr(visit, name) for visit in visits)), name
        troubles = Trouble.objects.filter(span=span).values_list("source", "failure", "times")
        assert list(troubles) == [(source.pk, "malformed", 1)]


def summed(of_all: bool) -> list[set[tuple[Any, ...]]]:
    """All that is summed up beside the tallies: of all sources, or what the rows of each come to."""
    some = {"source__isnull": of_all}
    latencies = Latency.objects.filter(**some).values_list("span", "at", "stage", "bucket")
    sums = {name: Sum(name) for name in ("visits", "runs", "items", "size_bytes")}
    times = {name: Round(Sum(name), precision=6) for name in ("waited_s", "took_s", "cpu_s")}
    usage = Usage.objects.filter(**some).values_list("span", "at", "stage")
    return [
        set(latencies.annotate(Sum("times"))),
        set(usage.annotate(Max("peak_bytes"), **{f"all_{name}": of for name, of in (sums | times).items()})),
    ]


@pytest.fixture
def summed_of_two(models: Any) -> None:  # noqa: ARG001
    for texts in ({"a": "one", "b": "two"}, {"c": "three"}):
        deliver_all(make_source(), texts)
        work_off()
    reject(of_no_source())
    everything()


@pytest.mark.usefixtures("summed_of_two")
def test_what_is_kept_of_all_sources_is_the_sum_over_them() -> None:
    assert all(summed(of_all=True))
    assert summed(of_all=True) == summed(of_all=False)
    for span in (60, 3600, 86400):
        assert Latency.objects.filter(span=span, source=None, stage="apply").aggregate(n=Sum("times"))["n"] == 3


@pytest.mark.usefixtures("summed_of_two")
def test_the_past_of_an_earlier_version_is_summed_over_the_sources() -> None:
    told, beside = tallied(of_all=True), summed(of_all=True)
    with transaction.atomic():
        for statement in (*MIGRATION.TAKE_TALLIES, MIGRATION.TAKE_LATENCIES, MIGRATION.TAKE_USAGE):
            statements.run(statement)
    assert tallied(of_all=True).total() == 1  # that of no source, as the earlier version had it
    assert not any(summed(of_all=True))

    for statement in (MIGRATION.SUM_TALLIES, MIGRATION.SUM_LATENCIES, MIGRATION.SUM_USAGE):
        statements.run(statement)

    assert tallied(of_all=True) == told
    assert summed(of_all=True) == beside


def test_who_was_aboard_when_a_worker_died_is_counted_as_a_crash(models: Any) -> None:  # noqa: ARG001
    source = make_source()
    deliver_all(source, {"a": "one", "b": "two"})
    dispatch.tick()
    for flight in open_flights():
        silence(flight)
    recovery.sweep()

    everything()

    assert list(Trouble.objects.filter(span=60).values_list("source", "failure", "times")) == [(source.pk, "crash", 2)]


def test_who_commits_late_is_counted_all_the_same(writer: Any) -> None:
    late, early = make_run("running"), make_run("running")
    everything()
    with writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_event (lifecycle, row_id, was, became, reason, by) "
            "VALUES ('run', %s, 'running', 'failed', 'corrupt', 'late')",
            [late.pk],
        )
    end(early, "completed", Reason.APPLIED)

    before = roll() + roll()
    assert before == 0  # the later number is there, the earlier one is not
    writer.commit()
    everything()

    assert tallied() == recounted()
    assert tallied().total() == 2


def test_a_transaction_that_began_after_the_look_is_not_waited_for(writer: Any) -> None:
    run = make_run("running")
    everything()
    end(run, "completed", Reason.APPLIED)
    with writer.cursor() as cursor:
        cursor.execute("LOCK TABLE ledger_event IN ROW EXCLUSIVE MODE")
    assert roll() == 0
    writer.commit()
    with writer.cursor() as cursor:  # another one, of the same process
        cursor.execute("LOCK TABLE ledger_event IN ROW EXCLUSIVE MODE")

    assert roll() == 1
    writer.rollback()


def test_a_stage_takes_the_time_from_the_one_before_it_and_a_wait_is_no_latency() -> None:
    run = make_run("retry_wait")
    now = timezone.now()
    StageOutput.objects.create(run=run, stage="fetch", recipe="r", data={}, created_at=now - timedelta(hours=2))
    RUN.move(
        IngestRun.objects.filter(pk=run.pk), was={"retry_wait"}, to="pending", reason=Reason.RETRY, by="x",
        next_attempt_at=FromNow(),
    )  # fmt: skip
    Event.objects.create(
        lifecycle="run", row_id=run.pk, was="pending", became="running", reason="admitted", by="x", at=now
    )
    later = now + timedelta(milliseconds=500)
    StageOutput.objects.create(run=run, stage="chunk", recipe="r", data={}, created_at=later)
    slow = later + timedelta(seconds=8)
    StageOutput.objects.create(run=run, stage="embed", recipe="r", data={}, created_at=slow)
    applied = slow + timedelta(milliseconds=1)
    Event.objects.create(
        lifecycle="run", row_id=run.pk, was="running", became="completed", reason="applied", by="x", at=applied
    )

    everything()

    upto_ms = {row.stage: 2 ** (row.bucket / 4) for row in Latency.objects.filter(span=60)}
    assert 500 <= upto_ms["chunk"] < 500 * 2**0.25
    assert 8000 <= upto_ms["embed"] < 8000 * 2**0.25
    assert upto_ms["apply"] < 2
    assert upto_ms["fetch"] == 1  # it was there before its run


def test_the_number_of_statements_does_not_grow_with_the_ledger(statement_count: Any) -> None:
    end(make_run("running"), "completed", Reason.APPLIED)
    everything()
    end(make_run("running"), "completed", Reason.APPLIED)
    statement_count()
    roll()
    one = statement_count()
    source = make_source()
    for _ in range(20):
        end(make_run("running", source=source), "completed", Reason.APPLIED)
    statement_count()
    roll()

    assert statement_count() == one


def test_the_queue_is_looked_at_once_a_minute() -> None:
    make_handoff(since=timezone.now() - timedelta(minutes=5))
    make_run("quarantined")

    roll()
    roll()

    seen = Gauge.objects.get()
    assert (seen.waiting, seen.quarantined, seen.flights) == (1, 1, 0)
    assert 300 <= seen.oldest_s < 330


def test_what_waits_of_each_source_is_kept_with_the_most_of_a_span() -> None:
    busy, _ = make_source(), make_source()
    handoffs = [make_handoff(source=busy, since=timezone.now() - timedelta(minutes=ago)) for ago in (5, 9)]
    due = make_run("retry_wait", source=busy)
    later = make_run("retry_wait", source=busy)
    IngestRun.objects.filter(pk=due.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=1))
    IngestRun.objects.filter(pk=later.pk).update(next_attempt_at=timezone.now() + timedelta(minutes=1))
    roll()
    HANDOFF.move(
        Handoff.objects.filter(pk=handoffs[1].pk), was={"pending"}, to="cancelled", reason=Reason.CANCELLED, by="x"
    )
    Gauge.objects.all().delete()  # a minute later
    roll()

    for span in (60, 3600, 86400):
        [kept] = Backlog.objects.filter(span=span)
        assert (kept.source, kept.waiting) == (busy, 3)
        assert 540 <= kept.oldest_s < 570


def test_old_minutes_are_forgotten_and_days_are_kept() -> None:
    source, ago = make_source(), timezone.now() - timedelta(days=3)
    for span in (60, 3600, 86400):
        Tally.objects.create(
            span=span, at=ago, lifecycle="run", source=source, became="completed", reason="applied", times=1
        )

    roll()

    assert sorted(Tally.objects.values_list("span", flat=True)) == [3600, 86400]


def test_whoever_is_on_duty_sums_up_and_a_chore_that_breaks_stops_nothing(settings: Any) -> None:
    settings.CHORES = ["tests.console.test_rolling.broken", "console.rolling.roll"]
    handoff = make_handoff()

    Rounds().take()

    handoff.refresh_from_db()
    assert handoff.status == "queued"
    everything()
    assert tallied().total() == Event.objects.filter(lifecycle__in=["run", "handoff"]).count() > 0
    assert Mark.objects.get(feed="events").seen > 0
    chores.work()


def broken() -> None:
    raise ValueError


def test_of_two_dispatchers_one_counts(writer: Any, elsewhere: Any) -> None:
    everything()
    end(make_run("running"), "completed", Reason.APPLIED)
    with writer.cursor() as cursor:  # the other one counts, and has not committed yet
        cursor.execute("SELECT FROM console_mark WHERE feed = 'events' FOR UPDATE")
    ours = elsewhere(roll)  # waits for our lock
    with writer.cursor() as cursor:
        cursor.execute(
            "UPDATE console_mark SET (seen, upto) = (SELECT last_value, last_value FROM ledger_event_id_seq)"
        )
    writer.commit()
    ours.result(timeout=5)

    assert tallied().total() == 0  # it did not count what the other one had
