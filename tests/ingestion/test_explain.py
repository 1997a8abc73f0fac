"""Why a run is not running: each cause, and no cause that is not one."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from handoffs.models import Source
from ingestion import dispatch, duty, fairness
from ingestion.depths import queue
from ingestion.explain import explain
from ingestion.flights import advance
from ingestion.models import Flight, IngestRun, Quarantine, RetryRule, Turn
from ingestion.operating import cancel, pause
from ingestion.profiles import Profile
from ingestion.releasing import release
from tests.builders import make_flight, make_handoff, make_run, make_source
from tests.flying import deliver, deliver_all, open_flights, silence, work_off

pytestmark = pytest.mark.django_db


def causes(run) -> list[str]:
    return [cause.name for cause in explain(run.pk)]


def says(run, name: str) -> str:
    [found] = [cause.says for cause in explain(run.pk) if cause.name == name]
    return found


@pytest.fixture
def on_duty():
    """A dispatcher is at work, as far as the database knows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [duty.DUTY_LOCK])
        yield
        cursor.execute("SELECT pg_advisory_unlock(%s)", [duty.DUTY_LOCK])


@pytest.fixture
def run(on_duty):  # noqa: ARG001  it is held meanwhile
    """One that may go, first in its line."""
    return make_run("pending", next_attempt_at=timezone.now() - timedelta(seconds=5))


def test_a_run_that_may_go_is_due(run):
    assert causes(run) == ["due"]


def test_a_run_of_a_paused_source_says_who_paused_it_and_why(run):
    pause(Source.objects.all(), "the disk is swapped", by="ann")
    assert causes(run)[0] == "source_paused"
    assert "the disk is swapped" in says(run, "source_paused")


@pytest.mark.usefixtures("on_duty")
def test_a_run_that_waits_for_its_next_attempt_names_the_time():
    at = timezone.now() + timedelta(hours=1)
    run = make_run("retry_wait", next_attempt_at=at, failure="timeout", reason="time_limit", attempts=2)
    assert causes(run) == ["retry_time"]
    assert f"{at:%H:%M:%S}" in says(run, "retry_time")
    assert "timeout" in says(run, "retry_time")


def test_a_run_that_waits_for_its_contents_claimant_names_it(run):
    claimant = make_run("running", source=run.source)
    IngestRun.objects.filter(pk=run.pk).update(waits_for=claimant)
    assert "content_claimed" in causes(run)
    assert f"run {claimant.pk} (running)" in says(run, "content_claimed")


def test_a_run_whose_claimant_has_ended_is_freed_by_the_next_round(run):
    IngestRun.objects.filter(pk=run.pk).update(waits_for=make_run("completed", source=run.source))
    assert "content_free" in causes(run)


def test_a_run_counts_who_of_its_source_goes_before_it(run):
    earlier, later = run.next_attempt_at - timedelta(minutes=1), run.next_attempt_at + timedelta(seconds=1)
    make_run("retry_wait", source=run.source, next_attempt_at=earlier)
    make_run("pending", source=run.source, priority=0, next_attempt_at=later)
    make_run("pending", source=run.source, priority=2, next_attempt_at=earlier)
    make_handoff("pending", source=run.source, priority=0)
    make_handoff("pending", source=run.source)
    make_run("pending")  # another source's
    assert causes(run) == ["behind"]
    assert says(run, "behind").startswith("3 of its source")


def test_what_waited_long_enough_goes_before_a_better_priority(run):
    aged = run.next_attempt_at - 2 * fairness.AGING
    make_run("pending", source=run.source, priority=2, next_attempt_at=aged)
    assert says(run, "behind").startswith("1 of its source")


def test_a_run_for_which_there_is_no_room_names_the_flights(run, settings, monkeypatch):
    settings.OPEN_FLIGHTS = 2
    flights = [make_flight(), make_flight(run.source)]
    assert "system_full" in causes(run)
    assert f"2 of 2 flights are open: {flights[0].pk}, {flights[1].pk}" == says(run, "system_full")
    settings.OPEN_FLIGHTS = 9
    assert causes(run) == ["due"]
    monkeypatch.setattr("ingestion.connectors.PROFILES", {run.source.kind: Profile(flights=2, flights_per_source=1)})
    assert causes(run) == ["connector_full", "source_full", "due"]


def test_a_run_whose_remote_side_asked_us_to_wait_says_until_when(run):
    until = timezone.now() + timedelta(minutes=5)
    Turn.objects.create(source=run.source, not_before=until)
    assert "asked_to_wait" in causes(run)
    assert f"{until:%H:%M:%S}" in says(run, "asked_to_wait")


def test_a_run_whose_source_has_used_its_rate_says_so(run, monkeypatch):
    monkeypatch.setattr("ingestion.connectors.PROFILES", {run.source.kind: Profile(rate_per_s=1)})
    Turn.objects.create(source=run.source, next_slot=timezone.now() + timedelta(minutes=5))
    assert "rate" in causes(run)


def test_nobody_dispatches():
    run = make_run("pending", next_attempt_at=timezone.now() - timedelta(seconds=5))
    assert causes(run) == ["no_dispatcher"]


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"worker": ""}, "waits_for_worker"),
        ({"worker": "w:1:2"}, "at_work"),
        ({"worker": "w:1:2", "lease_until": "2026-01-01T00:00Z"}, "lease_lost"),
        ({"worker": "", "lease_until": "2026-01-01T00:00Z"}, "lease_lost"),
    ],
)
def test_a_run_under_way_says_who_has_it(fields, cause):
    assert causes(make_run("running", flight=make_flight(**fields))) == [cause]


def test_a_run_under_way_that_is_called_off_and_paused_says_so():
    run = make_run("running")
    cancel(IngestRun.objects.all(), by="ann")
    pause(Source.objects.all(), "", by="ann")
    assert causes(run) == ["waits_for_worker", "cancel_requested", "source_paused"]
    assert says(run, "cancel_requested").startswith("ann")


def test_a_run_that_is_ahead_of_its_flight_says_so():
    assert causes(make_run("running", stage="apply")) == ["waits_for_worker", "stage_ahead"]


def test_a_run_under_way_whose_flight_landed_is_for_the_audit():
    assert causes(make_run("running", flight=make_flight(status="landed"))) == ["no_flight"]


def test_a_run_in_review_waits_for_a_person():
    assert causes(make_run("in_review")) == ["in_review"]


@pytest.mark.usefixtures("models")
def test_a_run_in_quarantine_names_the_cause_and_the_probe_that_it_follows():
    RetryRule.objects.create(failure="unexpected", attempts=1)
    deliver_all(make_source(), {"a": "1 BUG", "b": "2 BUG"})
    work_off()
    probe, other = IngestRun.objects.order_by("pk")
    assert causes(other) == ["quarantined"]
    assert "RuntimeError" in says(other, "quarantined")
    assert Quarantine.objects.get(run=other).fingerprint in says(other, "quarantined")
    release(IngestRun.objects.all(), by="ann")
    assert causes(other) == ["quarantined", "follows_a_probe"]
    assert f"run {probe.pk}" in says(other, "follows_a_probe")


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "eval_rejected", "duplicate_skipped"])
def test_a_run_that_ended_says_how(status):
    run = make_run(status)
    assert causes(run) == ["ended"]
    assert status in says(run, "ended")


def test_a_run_that_is_not_there_is_an_error():
    with pytest.raises(IngestRun.DoesNotExist):
        explain(7)


@pytest.mark.usefixtures("models")
def test_the_queue_tells_the_starved_from_the_stuck(settings):
    settings.OPEN_FLIGHTS = 1
    flying, hungry, resting = make_source(), make_source(), make_source(paused=True)
    deliver(flying, a="one")
    dispatch.tick()
    [flight] = open_flights()
    for source in (hungry, resting):
        make_handoff("pending", source=source, since=timezone.now() - timedelta(hours=1))
    make_handoff("pending", source=make_source())  # since just now
    found = queue()
    assert [line.id for line in found.starved] == [hungry.pk]
    assert found.stuck == []
    assert [(one.flight, one.runs) for one in found.flights] == [(flight.pk, 1)]
    assert found.caps == {"system": 1}
    assert {(d.ledger, d.status, d.rows) for d in found.depths} == {
        ("handoff", "pending", 3),
        ("handoff", "queued", 1),
        ("run", "running", 1),
    }
    silence(flight)
    assert [one.flight for one in queue().stuck] == [flight.pk]
    assert [line.id for line in queue().starved] == [hungry.pk]
    Flight.objects.filter(pk=flight.pk).update(worker="", lease_until=timezone.now() + timedelta(minutes=1))
    assert advance(flight.pk, "fetch", worker="w")
