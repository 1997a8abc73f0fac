"""The statements of dispatch do what the pure rules say, on random small ledgers and in the cases that bite."""

import random
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from handoffs.models import Handoff, Source
from ingestion import connectors, dispatch, fairness
from ingestion.fairness import State, Waiter, Waiting, class_of
from ingestion.models import Flight, IngestRun, Turn
from ingestion.profiles import Profile
from ledger import statements
from tests.builders import make_flight, make_handoff, make_reference, make_run, make_source

pytestmark = pytest.mark.django_db
KIND = connectors.DEFAULT


def now() -> datetime:
    [(moment,)] = statements.rows("SELECT now()")
    return moment


def ago(seconds: float) -> datetime:
    return now() - timedelta(seconds=seconds)


def aboard() -> list[tuple[int, frozenset[int]]]:
    """Whose each new flight is, and which handoffs are on it."""
    flights = Flight.objects.filter(status="open", worker="").order_by("pk")
    return [(f.source_id, frozenset(f.runs.values_list("handoff_id", flat=True))) for f in flights]


def scatter(chance: random.Random) -> None:
    """A ledger of a few sources with everything that can be in the way of a run."""
    for _ in range(chance.randint(1, 5)):
        source = make_source(weight=chance.randint(1, 4), paused=chance.random() < 0.1)
        if chance.random() < 0.6:
            asked_to_wait = ago(chance.uniform(-60, 60)) if chance.random() < 0.3 else None
            finish = chance.uniform(0, 40)
            Turn.objects.create(source=source, began=finish / 2, finish=finish, not_before=asked_to_wait)
        for _ in range(chance.randint(0, 2)):
            make_flight(source, worker="w")
        for _ in range(chance.randint(0, 12)):
            scatter_one(source, chance)


def scatter_one(source: Source, chance: random.Random) -> None:
    given = {"priority": chance.randint(0, 2), "size_bytes": chance.randint(1, 60)}
    waited = chance.uniform(0, 2500)
    kind = chance.choice(["fresh"] * 5 + ["due"] * 3 + ["later", "reference busy", "claimed", "claim ended", "held"])
    if kind in ("fresh", "held"):
        make_handoff("pending" if kind == "fresh" else "held", source=source, since=ago(waited), **given)
        return
    if kind == "reference busy":
        reference = make_reference(source)
        make_run("running", handoff=make_handoff("ingesting", reference=reference), flight=away(source))
        make_handoff("pending", reference=reference, since=ago(waited), **given)
        return
    handoff = make_handoff("ingesting", source=source, **given)
    due = ago(waited if kind != "later" else -60 - waited)
    fields = {"handoff": handoff, "priority": handoff.priority, "next_attempt_at": due}
    if kind == "claimed":
        fields["waits_for"] = make_run("running", source=source, flight=away(source))
    elif kind == "claim ended":
        fields["waits_for"] = make_run("completed", source=source)
    make_run(chance.choice(["pending", "retry_wait"]), **fields, stage=chance.choice(["fetch", "embed", "apply"]))


def away(source: Source) -> Flight:
    return make_flight(source, worker="w")


def waiters(source: Source, moment: datetime) -> tuple[list[Waiter], list[Waiter]]:
    """Everything of the source that waits, and what of it can go, as a look at each row finds it."""
    waiting: list[Waiter] = []
    stuck = set()
    for handoff in Handoff.objects.filter(source=source, status="pending"):
        waiting.append(Waiter("fresh", handoff.pk, handoff.priority, handoff.since))
        if handoff.reference.handoffs.filter(status="ingesting").exists():
            stuck.add(waiting[-1])
    for run in IngestRun.objects.filter(source=source, next_attempt_at__lte=moment):
        if run.waits_for is None or run.waits_for.status != "running":
            waiting.append(Waiter("due", run.pk, run.priority, run.next_attempt_at))
    return waiting, [one for one in waiting if one not in stuck]


class Rules:
    """Dispatch done by the pure rules alone, over rows read one by one."""

    def __init__(self, open_flights: int, flight_runs: int, flight_bytes: int) -> None:
        self.moment = now()
        self.limits = (open_flights, flight_runs, flight_bytes)
        self.sources, self.waiting, self.can_go = {}, {}, {}
        self.flying = Flight.objects.filter(status="open").count()
        self.later = set(IngestRun.objects.filter(next_attempt_at__gt=self.moment).values_list("source_id", flat=True))
        self.virtual = max(Turn.objects.values_list("began", flat=True), default=0.0)
        for row in Source.objects.order_by("pk"):
            turn = Turn.objects.filter(source=row).first() or Turn(source=row)
            self.sources[row.pk] = fairness.Source(
                row.pk, row.kind, row.weight, (), row.flights.filter(status="open").count(), turn.finish, row.paused,
                turn.not_before, turn.next_slot,
            )  # fmt: skip
            self.waiting[row.pk], self.can_go[row.pk] = waiters(row, self.moment)

    def flights(self) -> list[tuple[int, frozenset[int]]]:
        found: list[tuple[int, frozenset[int]]] = []
        dry: set[int] = set()
        while True:
            before = len(found), len(dry)
            look = [self.now(number) for number in self.sources if number not in dry and self.waiting[number]]
            state = State(look, {KIND: self.flying}, *self.limits, {KIND: Profile()}, self.virtual, self.counted_to())
            for admission in fairness.decide(state, self.moment, most=dispatch.AT_ONCE):
                if admission.source_id not in dry and (handoffs := self.board(admission)):
                    found.append((admission.source_id, handoffs))
                else:
                    dry.add(admission.source_id)
            if before == (len(found), len(dry)):
                return found

    def counted_to(self) -> int:
        """As much as could go of each source that has work, or will have."""
        open_flights, flight_runs, _ = self.limits
        busy = sum(1 for number, waiting in self.waiting.items() if waiting or number in self.later)
        room = min(dispatch.AT_ONCE, open_flights - self.flying)
        return flight_runs * (room // busy) if 1 <= busy <= room else min(flight_runs, dispatch.FEW)

    def now(self, number: int) -> fairness.Source:
        by_priority = defaultdict(list)
        for one in self.waiting[number]:
            by_priority[one.priority].append(one.since)
        most = self.counted_to()
        waiting = tuple(Waiting(priority, min(most, len(of)), min(of)) for priority, of in by_priority.items())
        return replace(self.sources[number], waiting=waiting)

    def board(self, admission: fairness.Admission) -> frozenset[int]:
        number, used, going = admission.source_id, 0, []
        ordered = fairness.line(self.can_go[number], self.moment)
        within = [one for one in ordered if class_of(one.priority, one.since, self.moment) <= admission.worst]
        for one in within[: admission.runs]:
            size = handoff_of(one).size_bytes
            if not going or used + size <= admission.size_bytes:
                going.append(one)
                used += size
        if going:
            source = self.sources[number]
            finish = admission.finish(len(going), source.weight)
            self.sources[number] = replace(source, flying=source.flying + 1, finish=finish)
            self.virtual, self.flying = admission.start, self.flying + 1
            self.can_go[number] = [one for one in self.can_go[number] if one not in going]
            self.waiting[number] = [one for one in self.waiting[number] if one not in going]
        return frozenset(handoff_of(one).pk for one in going)


def handoff_of(one: Waiter) -> Handoff:
    if one.kind == "fresh":
        return Handoff.objects.get(pk=one.id)
    return Handoff.objects.get(runs=one.id)


@pytest.mark.parametrize("seed", range(40))
def test_the_statements_admit_what_the_pure_rules_decide(seed, settings):
    chance = random.Random(seed)  # noqa: S311  a seed, not a secret
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = chance.randint(1, 24), chance.choice([1, 2, 3, 8, 16])
    settings.FLIGHT_BYTES = chance.choice([50, 100, 10_000])
    scatter(chance)
    expected = Rules(settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS, settings.FLIGHT_BYTES).flights()

    assert dispatch.tick() == len(expected)

    assert aboard() == expected


def test_a_source_that_was_asked_to_wait_waits_and_others_go_on():
    asked, other = make_source(), make_source()
    for source in (asked, other):
        make_handoff(source=source)
    dispatch.hold(asked.pk, 30)
    dispatch.hold(asked.pk, 5)
    dispatch.tick()
    assert [source for source, _ in aboard()] == [other.pk]
    assert asked.turn.not_before == ago(-30)
    Turn.objects.filter(source=asked).update(not_before=ago(0))
    dispatch.tick()
    assert [source for source, _ in aboard()] == [other.pk, asked.pk]


def test_a_rate_holds_over_ticks(monkeypatch):
    monkeypatch.setitem(connectors.PROFILES, KIND, Profile(rate_per_s=2.0))
    source = make_source()
    for _ in range(30):
        make_handoff(source=source)
    for _ in range(3):
        dispatch.tick()
    assert IngestRun.objects.count() == 4  # two seconds of the rate at once
    Turn.objects.update(next_slot=ago(-1))
    dispatch.tick()
    assert IngestRun.objects.count() == 6


def test_a_connectors_cap_is_for_all_its_sources(monkeypatch):
    monkeypatch.setitem(connectors.PROFILES, KIND, Profile(flights=2, flight_runs=1))
    for source in (make_source(), make_source(), make_source(kind="another")):
        for _ in range(3):
            make_handoff(source=source)
    dispatch.tick()
    assert sorted(Flight.objects.filter(source__kind=KIND).values_list("runs_aboard", flat=True)) == [1, 1]


def test_a_run_that_is_to_fly_alone_does(settings):
    settings.OPEN_FLIGHTS = 2
    source = make_source()
    suspect = make_run("pending", source=source, alone=True, next_attempt_at=ago(5))
    for _ in range(3):
        make_handoff(source=source)
    dispatch.tick()
    first, second = aboard()
    assert first[1] == {suspect.handoff_id}
    assert suspect.handoff_id not in second[1]


def test_bytes_that_a_worker_died_of_fly_alone_whoever_brings_them(settings):
    settings.OPEN_FLIGHTS = 2
    source = make_source()
    crashed = make_run("quarantined", source=make_source(), crashes=1)
    again = make_handoff(source=source, payload=crashed.handoff.payload, since=ago(5))
    for _ in range(3):
        make_handoff(source=source)
    dispatch.tick()
    first, second = aboard()
    assert first[1] == {again.pk}
    assert again.pk not in second[1]


def test_a_source_whose_work_cannot_go_yet_does_not_take_the_room_of_another(settings):
    settings.OPEN_FLIGHTS, settings.FLIGHT_RUNS = 6, 1
    stuck, free = make_source(weight=100), make_source()
    for _ in range(5):
        reference = make_reference(stuck)
        make_handoff("ingesting", reference=reference)
        make_handoff(reference=reference)
        make_handoff(source=free)
    dispatch.tick()
    assert {source for source, _ in aboard()} == {free.pk}
    assert len(aboard()) >= 5


def test_a_run_tried_again_counts_its_deliveries():
    run = make_run("retry_wait", deliveries=2, next_attempt_at=ago(1))
    dispatch.tick()
    run.refresh_from_db()
    assert (run.status, run.deliveries) == ("running", 3)


def test_who_was_served_is_remembered():
    source = make_source(weight=2)
    make_handoff(source=source)
    Turn.objects.create(source=make_source(), began=70, finish=100)
    dispatch.tick()
    assert (source.turn.began, source.turn.finish) == (70, 70.5)


@pytest.mark.parametrize("sources", [1, 12])
def test_a_look_at_the_ledger_costs_the_same_statements_for_any_number_of_sources(sources, settings, statement_count):
    settings.OPEN_FLIGHTS = 1
    for _ in range(sources):
        for _ in range(3):
            make_handoff(source=make_source())
    statement_count()
    assert dispatch.tick() == 1
    # a lock, two looks, what waits for nobody any more; four for the flight; whose turn it was; and a look at no room
    assert statement_count() <= 4 + 4 + 1 + 2


def test_what_waits_is_found_again_when_its_claimant_is_done(settings):
    settings.FLIGHT_RUNS = 1
    claimant = make_run("in_review")
    waits = make_run("pending", source=claimant.source, waits_for=claimant, next_attempt_at=ago(1))
    assert dispatch.tick() == 0
    IngestRun.objects.filter(pk=claimant.pk).update(status="cancelled")
    assert dispatch.tick() == 1
    waits.refresh_from_db()
    assert (waits.status, waits.waits_for) == ("running", None)


def test_a_priority_that_nobody_would_look_for_is_refused_by_the_database():
    from django.db import IntegrityError, transaction  # noqa: PLC0415

    for make in (make_source, make_handoff, make_run):
        with pytest.raises(IntegrityError, match="priority_is_known"), transaction.atomic():
            make(priority=3)


def test_time_is_the_databases():
    """A due time of this clock's future is not due, whatever a worker's clock says."""
    make_run("retry_wait", next_attempt_at=timezone.now() + timedelta(hours=1))
    assert dispatch.tick() == 0


def test_statistics_of_an_idle_ledger_lead_to_no_plan_that_reads_all_that_waits():
    source = make_source()
    for _ in range(50):
        make_run("completed", handoff=make_handoff("ingested", source=source))
    statements.run("ANALYZE handoffs_handoff, ingestion_ingestrun")  # knows of none that waits, of none under way
    for _ in range(50):
        make_handoff(source=source)
    statements.run("SET LOCAL enable_seqscan = off")  # the tables are small
    asked = {"source": source.pk, "most": 50, "worst": 2, "aging": 600, "first": "fetch"}

    plan = " ".join(row for (row,) in statements.rows("EXPLAIN " + dispatch.NEXT, asked))

    assert "Anti Join" not in plan  # one that compares each that waits with each that is under way
    assert plan.count("handoff_ready") == 1  # to find what is next; never to look its rows up again
