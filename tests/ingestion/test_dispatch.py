"""What goes on a flight, what waits, and what two dispatchers at once do."""

import os
import signal

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.utils import timezone

from config import embedded
from handoffs.models import Source
from ingestion import dispatch, recovery
from ingestion.flights import advance
from ingestion.models import Flight, IngestRun
from tests.builders import make_flight, make_handoff, make_run, make_source
from tests.config.servers import at_work
from tests.flying import deliver, fly, open_flights, remove, silence, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source():
    return make_source()


def sizes() -> list[tuple[int, int]]:
    return list(Flight.objects.order_by("pk").values_list("runs_aboard", "size_bytes"))


def test_a_flight_holds_no_more_runs_than_it_may(source, settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 2, 3
    deliver(source, **{f"f{n}": f"text {n}" for n in range(8)})
    assert dispatch.tick() == 2
    assert [runs for runs, _ in sizes()] == [3, 3]
    assert IngestRun.objects.filter(status="running").count() == 6


def test_a_flight_holds_no_more_bytes_than_it_may_but_one_item_goes_whatever_its_size(source, settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_BYTES = 1, 100
    deliver(source, big="x" * 500, a="a" * 60, b="b" * 60, c="c" * 30)
    for expected in ((1, 500), (2, 90), (1, 60)):
        assert dispatch.tick() == 1
        [flight] = open_flights()
        assert (flight.runs_aboard, flight.size_bytes) == expected
        fly(flight)


def test_work_is_spread_over_the_flights_that_there_is_room_for(source, settings):
    settings.OPEN_FLIGHTS = 4
    deliver(source, **{f"f{n}": f"text {n}" for n in range(8)})
    dispatch.tick()
    assert len(sizes()) == 4


def test_a_newer_payload_waits_until_the_one_before_is_done(source):
    deliver(source, a="first")
    dispatch.tick()
    deliver(source, a="second")
    assert dispatch.tick() == 0
    [flight] = open_flights()
    fly(flight)
    assert dispatch.tick() == 1


def test_a_paused_source_holds_its_work_and_others_go_on(source):
    other = make_source()
    deliver(source, a="one")
    deliver(other, b="two")
    Source.objects.filter(pk=source.pk).update(paused=True)
    work_off()
    assert standing(source) == {"a": ("pending", "new")}
    assert standing(other) == {"b": ("ingested", "applied")}
    Source.objects.filter(pk=source.pk).update(paused=False)
    work_off()
    assert standing(source) == {"a": ("ingested", "applied")}


def test_a_source_with_little_work_is_not_behind_one_with_much(source, settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 2, 1
    small = make_source()
    deliver(source, **{f"f{n}": f"text {n}" for n in range(5)})
    deliver(small, a="one")
    dispatch.tick()
    assert {flight.source_id for flight in open_flights()} == {source.pk, small.pk}


def test_a_source_of_more_weight_has_more_flights(source, settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 4, 1
    heavy = make_source(weight=3)
    for one in (source, heavy):
        deliver(one, **{f"f{n}": f"text {n}" for n in range(5)})
    dispatch.tick()
    assert sum(flight.source_id == heavy.pk for flight in open_flights()) == 3


def test_high_priority_goes_first(source, settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 1, 1
    make_handoff("pending", source=source, priority=2)
    make_handoff("pending", source=source, priority=0)
    dispatch.tick()
    assert IngestRun.objects.get().handoff.priority == 0


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_open_no_more_flights_than_there_is_room_for(source, settings, elsewhere, at):
    settings.OPEN_FLIGHTS = 1
    deliver(source, a="one")
    deliver(make_source(), b="two")
    opened = []

    def another_dispatches():
        opened.append(elsewhere(dispatch.tick).result(timeout=20))

    at("dispatch.before_commit", another_dispatches)
    assert dispatch.tick() == 1
    assert opened == [0]
    assert IngestRun.objects.count() == len(open_flights()) == 1


def messages() -> int:
    """How many wait at the broker."""
    with current_app.connection_for_read() as broker:
        return int(broker.default_channel.client.llen("stages"))


def test_a_broker_that_is_away_leaves_a_flight_that_is_rung_for_again(source):
    """The real broker, killed; the flight is open all the same, and its message is lost."""
    deliver(source, a="one")
    [broker] = [pid for pid, name in at_work(django_settings.STATE_DIR).items() if name == "valkey-server"]
    os.kill(broker, signal.SIGKILL)
    try:
        assert dispatch.tick() == 1
    finally:
        embedded.ensure(django_settings.STATE_DIR)
    [flight] = open_flights()
    before = messages()
    assert recovery.sweep().repaired["flights_rung_again"] == 0
    Flight.objects.filter(pk=flight.pk).update(lease_until="2026-01-01T00:00Z")
    assert recovery.sweep().repaired["flights_rung_again"] == 1
    assert messages() == before + 1
    fly(flight)
    assert standing(source) == {"a": ("ingested", "applied")}


def silent(source, *, stage: str = "fetch", runs: int = 1) -> list[IngestRun]:
    """Runs aboard a flight whose worker is not heard of any more."""
    flight = make_flight(
        source, stage, worker="w", boarded_at=timezone.now(), lease_until="2026-01-01T00:00Z", runs_aboard=runs
    )
    return [make_run("running", source=source, flight=flight, stage=stage) for _ in range(runs)]


def test_a_flight_whose_worker_fell_silent_is_lost_and_its_run_waits_at_its_stage(source):
    [run] = silent(source, stage="embed")
    alive = make_run("running", source=source, flight=make_flight(source, worker="v"), stage="embed")

    assert recovery.sweep().repaired["flights_lost"] == 1

    run.refresh_from_db()
    alive.refresh_from_db()
    assert (run.status, run.reason, run.stage, run.flight, run.crashes) == ("pending", "lease_lost", "embed", None, 1)
    assert run.attempts == 0
    assert alive.status == "running"
    assert [flight.status for flight in Flight.objects.order_by("pk")] == ["lost", "open"]


def test_a_crash_is_charged_to_a_run_that_was_aboard_alone(source):
    runs = silent(source, runs=2)
    recovery.sweep()
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.crashes) == ("pending", 0)


def test_a_flight_that_no_worker_boarded_keeps_its_runs_and_charges_none(source):
    flight = make_flight(source, lease_until="2026-01-01T00:00Z")
    run = make_run("running", source=source, flight=flight)
    recovery.sweep()
    run.refresh_from_db()
    flight.refresh_from_db()
    assert (run.status, run.crashes, flight.status) == ("running", 0, "open")
    assert flight.lease_until > timezone.now()


def test_bytes_that_kill_their_worker_three_times_are_poison(source):
    run = make_run("running", source=source)
    for _ in range(3):
        flight = make_flight(source, worker="w", boarded_at=timezone.now(), lease_until="2026-01-01T00:00Z")
        IngestRun.objects.filter(pk=run.pk, status="pending").update(
            status="running", flight=flight, next_attempt_at=None
        )
        IngestRun.objects.filter(pk=run.pk).update(flight=flight)
        recovery.sweep()
    run.refresh_from_db()
    run.handoff.refresh_from_db()
    assert (run.status, run.reason, run.crashes) == ("quarantined", "poison", 3)
    assert run.handoff.status == "failed"
    assert run.quarantine.failure == "crash"


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_no_harm(source, elsewhere, at):
    [run] = silent(source)
    others = []
    at("sweep.flights_lost.before_commit", lambda: others.append(elsewhere(recovery.sweep).result(timeout=20)))

    assert recovery.sweep().repaired["flights_lost"] == 1

    assert [other.repaired["flights_lost"] for other in others] == [0]
    assert recovery.sweep().repaired["flights_lost"] == 0
    run.refresh_from_db()
    assert run.crashes == 1


def test_a_lost_flight_goes_on_after_its_last_finished_stage_and_ends_the_same(source, models):
    deliver(source, a="one")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="entity")
    silence(flight)
    models.seen.clear()
    work_off()
    work_off()
    assert standing(source) == {"a": ("ingested", "applied")}
    assert models.seen == []
    assert advance(flight.pk, "entity", worker="late") is False


def test_knowledge_is_not_withdrawn_while_its_source_may_bring_it_a_new_carrier(source):
    deliver(source, old="one")
    work_off()
    deliver(source, new="one")
    remove(source, "old")
    assert recovery.sweep().repaired["batches_uncarried"] == 0
    work_off()
    assert standing(source)["new"] == ("skipped", "already_applied")
