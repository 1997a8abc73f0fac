"""Schedules and the ledger: each time is dealt with once, whoever calls it out, however often, however late."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from ingestion import firing, schedules, triggering
from ingestion.models import Occurrence, Schedule
from ingestion.occurrences import take_up
from ingestion.recovery import sweep
from ledger.models import Event
from tests.builders import make_occurrence, make_source
from tests.ingestion.test_commands import said

pytestmark = pytest.mark.django_db


def scheduled(*, every: timedelta = timedelta(hours=1), passed: timedelta = timedelta(seconds=1), **options):
    """A source whose schedule has a time that passed so long ago."""
    source = make_source(paused=options.pop("paused", False))
    schedules.set_schedule(source, every=every, by="ann", **options)
    then = timezone.now() - passed
    Schedule.objects.filter(source=source).update(anchor=then, next_at=then)
    return source


def fire(source) -> int:
    with transaction.atomic():
        return firing.fire(source.pk, by="beat")


def found(source) -> list[tuple[str, str]]:
    return list(Occurrence.objects.filter(source=source).order_by("pk").values_list("status", "reason"))


def test_a_time_is_called_out_often_and_dealt_with_once():
    source = scheduled()
    assert [fire(source) for _ in range(3)] == [1, 0, 0]
    assert found(source) == [("due", "scheduled")]
    assert Schedule.objects.get().next_at > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_two_clocks_at_once_make_one_occurrence(elsewhere):
    source = scheduled()
    with transaction.atomic():
        assert firing.fire(source.pk, by="first") == 1
        assert elsewhere(lambda: fire(source)).result(timeout=5) == 0  # does not wait for the first
    assert fire(source) == 0
    assert found(source) == [("due", "scheduled")]


def test_a_clock_that_is_set_back_syncs_nothing_twice():
    """Should the schedule forget how far it was, the occurrences know."""
    source = scheduled()
    before = Schedule.objects.get(source=source).next_at
    fire(source)
    Occurrence.objects.update(status="running", next_attempt_at=None, lease_until=timezone.now())
    Schedule.objects.filter(source=source).update(next_at=before, overlap="queue")
    assert fire(source) == 1
    assert found(source) == [("running", "scheduled")]


def test_beat_may_be_two_seconds_early_and_the_occurrence_waits_for_its_time():
    source = scheduled(passed=timedelta(seconds=-1))
    assert fire(source) == 1
    due = Occurrence.objects.get(source=source)
    assert due.next_attempt_at == due.scheduled_for > timezone.now()
    other = scheduled(passed=timedelta(seconds=-30))
    assert fire(other) == 0


@pytest.mark.parametrize(
    ("passed", "grace_s", "became"),
    [
        (timedelta(minutes=5, seconds=1), 3600, ("due", "scheduled")),
        (timedelta(seconds=30), 0, ("due", "scheduled")),  # that is not late
        (timedelta(minutes=5, seconds=1), 60, ("missed", "too_late")),
    ],
)
def test_a_late_time_is_made_up_for_within_its_grace_alone(passed, grace_s, became):
    source = scheduled(passed=passed, grace_s=grace_s)
    fire(source)
    assert found(source) == [became]


def test_after_an_outage_there_is_one_run_for_all_the_times_that_passed():
    source = scheduled(every=timedelta(minutes=5), passed=timedelta(hours=12, seconds=1))
    first = Schedule.objects.get().next_at
    fire(source)
    one = Occurrence.objects.get(source=source)
    assert (one.status, one.missed_since) == ("due", first)
    assert timezone.now() - one.scheduled_for < timedelta(minutes=5)
    assert fire(source) == 0


@pytest.mark.parametrize(
    ("before", "overlap", "became"),
    [
        ("running", "skip", ("skipped", "overlap")),
        ("running", "queue", ("due", "scheduled")),
        ("due", "skip", ("skipped", "overlap")),
        ("due", "queue", ("skipped", "overlap")),
        ("done", "skip", ("due", "scheduled")),
    ],
)
def test_a_time_that_meets_the_one_before_it(before, overlap, became):
    source = scheduled(overlap=overlap)
    make_occurrence(before, source=source)
    fire(source)
    assert found(source)[-1] == became


def test_a_paused_source_is_not_synced_and_its_times_are_told():
    source = scheduled(paused=True)
    fire(source)
    assert found(source) == [("skipped", "paused")]


def test_jitter_moves_the_beginning_and_not_the_time():
    source = scheduled(jitter_s=600)
    fire(source)
    due = Occurrence.objects.get(source=source)
    assert timedelta(0) < due.next_attempt_at - due.scheduled_for < timedelta(minutes=10)


def test_what_beat_does_not_call_out_the_sweep_does():
    """Such as a fixed hour that beat passed by more than two hours ago."""
    source = make_source()
    schedules.set_schedule(source, cron="0 3 * * *", by="ann", grace_s=24 * 3600)
    missed = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    Schedule.objects.update(next_at=missed, cron=f"{missed.minute} {missed.hour} * * *")
    swept = sweep()
    assert (swept.repaired["schedules_fired"], swept.failed) == (1, {})
    assert found(source) == [("due", "scheduled")]
    assert sweep().repaired["schedules_fired"] == 0


def test_the_sweep_leaves_a_time_to_beat_for_a_while():
    source = scheduled(passed=timedelta(seconds=3))
    assert sweep().repaired["schedules_fired"] == 0
    assert found(source) == []


def test_what_no_worker_begins_within_its_grace_is_not_begun_and_makes_room_for_the_next():
    source, other = scheduled(passed=timedelta(seconds=30), grace_s=120), scheduled(passed=timedelta(hours=-1))
    make_occurrence("due", source=source)
    make_occurrence("due", source=other, started_at=timezone.now() - timedelta(days=1))
    Occurrence.objects.update(next_attempt_at=timezone.now() - timedelta(hours=2))
    assert sweep().repaired["syncs_given_up"] == 1
    assert found(source) == [("missed", "too_late"), ("due", "scheduled")]
    assert found(other) == [("due", "scheduled")]


def test_a_schedule_brings_its_bell_and_takes_it_away():
    source = make_source()
    schedules.set_schedule(source, cron="30 3 * * mon", zone="Europe/Berlin", by="ann")
    bell = PeriodicTask.objects.get()
    assert (bell.task, bell.args, bell.queue) == ("ingestion.fire", f"[{source.pk}]", "sync")
    assert (bell.crontab.minute, bell.crontab.hour, str(bell.crontab.timezone)) == ("30", "3", "Europe/Berlin")
    schedules.set_schedule(source, every=timedelta(minutes=15), by="bea")
    assert PeriodicTask.objects.get().interval.every == 900
    assert (Schedule.objects.get().cron, Schedule.objects.get().every_s) == ("", 900)
    assert schedules.remove_schedules([source.pk], by="cid") == [source.pk]
    assert not PeriodicTask.objects.exists()
    assert not Schedule.objects.exists()
    told = Event.objects.filter(lifecycle="source", row_id=source.pk).order_by("pk").values_list("reason", "by", "note")
    assert list(told) == [
        ("schedule_set", "ann", "30 3 * * mon Europe/Berlin"),
        ("schedule_set", "bea", "every 900 s"),
        ("schedule_removed", "cid", ""),
    ]


@pytest.mark.parametrize("count", [1, 20])
def test_a_page_of_schedules_costs_the_same_number_of_statements(statement_count, count):
    for _ in range(count):
        scheduled()
    statement_count()
    with transaction.atomic():
        assert firing.fire(by="sweep") == count
    assert statement_count() == 3


@pytest.mark.parametrize(
    ("status", "fields", "constraint"),
    [
        ("due", {"next_attempt_at": None}, "due_occurrence_has_a_time"),
        ("running", {"lease_until": None}, "running_occurrence_has_a_lease"),
        ("done", {"lease_until": "2026-01-01T00:00Z"}, "running_occurrence_has_a_lease"),
        ("asleep", {}, "occurrence_status_is_known"),
    ],
)
def test_the_database_refuses_an_occurrence_that_nobody_would_find_again(status, fields, constraint):
    with pytest.raises(DatabaseError, match=constraint):
        make_occurrence(status, **fields)


def test_what_has_ended_does_not_begin_again():
    one = make_occurrence("done")
    with pytest.raises(DatabaseError, match="transition"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ingestion_occurrence SET status = 'running', lease_until = now() WHERE id = %s", [one.pk]
        )


@pytest.mark.parametrize("status", ["due", "running"])
def test_a_source_has_one_that_is_due_and_one_that_runs(status):
    first = make_occurrence(status)
    with pytest.raises(DatabaseError, match=f"one_{status}_occurrence_per_source"):
        make_occurrence(status, source=first.source)


def test_a_time_of_a_source_has_one_occurrence():
    first = make_occurrence("done")
    with pytest.raises(DatabaseError, match="one_occurrence_per_source_and_time"):
        make_occurrence("missed", source=first.source, scheduled_for=first.scheduled_for)


def test_the_command_sets_shows_and_takes_away():
    source = make_source(name="mail")
    told = said("sources", "schedule", "mail", "--every", "15m", "--jitter", "2m", "--overlap", "queue")
    assert told["done"] == {"scheduled": 1}
    one = Schedule.objects.get(source=source)
    assert (one.every_s, one.jitter_s, one.grace_s, one.overlap) == (900, 120, 3600, "queue")
    said("sources", "schedule", "mail", "--cron", "30 3 * * *", "--time-zone", "Europe/Berlin", "--dry-run")
    assert Schedule.objects.get().every_s == 900
    said("sources", "schedule", "mail", "--cron", "30 3 * * *", "--time-zone", "Europe/Berlin")
    [shown] = said("sources", "schedule", "mail")["schedules"]
    assert shown["schedule"] == "30 3 * * * Europe/Berlin"
    assert [time[11:19] for time in shown["next"]] == ["03:30:00"] * 3
    assert Schedule.objects.get().jitter_s == 120  # not asked to change
    assert said("sources", "schedule", "mail", "--never")["done"] == {"unscheduled": 1}
    assert said("sources", "schedule", "mail", "--never", status=1)["refused"] == {"not_scheduled": 1}
    told = said("sources", "schedule", make_source(kind="pushed").pk, "--every", "1m", status=1)
    assert told["refused"] == {"nothing_to_list": 1}


@pytest.mark.parametrize("wrong", [["--cron", "whenever"], ["--cron", "0 3 * * *", "--time-zone", "Mars/Base"]])
def test_the_command_says_what_is_wrong_with_a_schedule(wrong):
    source = make_source()
    with pytest.raises(CommandError, match="give") as refused:
        call_command("sources", "schedule", str(source.pk), *wrong)
    assert refused.value.returncode == 2
    assert not Schedule.objects.exists()


def test_the_command_asks_for_a_sync_but_not_of_a_paused_source():
    source, held = make_source(), make_source(paused=True)
    told = said("sources", "sync", source.pk, held.pk, status=1)
    assert (told["done"], told["refused"]) == ({"asked_for": 1}, {"paused": 1})
    asked = Occurrence.objects.get(pk=told["ids"]["asked_for"][0])
    assert (asked.source, asked.cause, asked.reason) == (source, "asked", "asked_for")


def test_the_command_follows_a_sync_to_its_end(monkeypatch, tmp_path):
    (tmp_path / "note.md").write_text("A note.")
    source = make_source(options={"root": str(tmp_path)})
    monkeypatch.setattr(triggering, "POLL_S", 0)
    seen = triggering.look

    def with_a_worker_at_hand(ids):
        take_up(ids[0], worker="w")
        return seen(ids)

    monkeypatch.setattr(triggering, "look", with_a_worker_at_hand)
    [told] = said("sources", "sync", source.pk, "--wait")["syncs"]
    assert (told["status"], told["listed"], told["new"]) == ("done", 1, 1)
    (tmp_path / "note.md").unlink()
    tmp_path.rmdir()
    [told] = said("sources", "sync", source.pk, "--wait", status=1)["syncs"]
    assert (told["status"], told["reason"]) == ("failed", "vanished")
