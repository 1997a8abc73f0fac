"""Whose turn it is: shares, priorities, caps and rates, tried in a simulated world and by properties."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.fairness import AGING, Source, State, Waiting, allowance, class_of, decide, line, next_slot
from ingestion.profiles import Profile
from tests.ingestion.fairsim import START, Arrival, World, p95, source, state, waiter

MUCH = 10**9
PRIORITIES = st.integers(0, 2)


def much(priority: int = 1) -> Waiting:
    return Waiting(priority, MUCH, START)


def served(sources: Sequence[Source], *, decisions: int, at_once: int, flight_runs: int = 1) -> Counter[int]:
    """Decide about sources that always have work, every flight landing before the next look; count the runs of each."""
    now = {one.id: one for one in sources}
    runs: Counter[int] = Counter()
    virtual, made = 0.0, 0
    while made < decisions:
        look = state(*now.values(), open_flights=at_once, flight_runs=flight_runs, virtual=virtual)
        admissions = decide(look, START)
        last = {admission.source_id: admission for admission in admissions}
        for number, admission in last.items():
            now[number] = replace(now[number], finish=admission.finish(admission.runs, now[number].weight))
        for admission in admissions:
            runs[admission.source_id] += admission.runs
        virtual = admissions[-1].start
        made += len(admissions)
    return runs


def share_errors(runs: Counter[int], sources: Sequence[Source]) -> list[float]:
    weights = sum(one.weight for one in sources)
    return [abs(runs[one.id] / runs.total() / (one.weight / weights) - 1) for one in sources]


@pytest.mark.parametrize("flight_runs", [1, 64])
@pytest.mark.parametrize("at_once", [3, 16])
def test_sources_share_by_weight(flight_runs, at_once):
    sources = [source(1, much()), source(2, much(), weight=3)]
    runs = served(sources, decisions=5000, at_once=at_once, flight_runs=flight_runs)
    assert max(share_errors(runs, sources)) < 0.05


def test_a_million_decisions_about_sources_of_zipf_weights_give_each_its_share():
    sources = [source(n, much(), weight=max(1, 1000 // n)) for n in range(1, 51)]
    runs = served(sources, decisions=1_000_000, at_once=2000)
    assert runs.total() >= 1_000_000
    assert max(share_errors(runs, sources)) < 0.05


def test_small_sources_beside_a_noisy_one_wait_no_more_than_twice_as_long_as_alone():
    chance = random.Random(1)  # noqa: S311  a seed, not a secret
    small = [
        Arrival(chance.uniform(0, 600), number, 1 + int(chance.paretovariate(1.2)) % 50)
        for number in range(2, 22)
        for _ in range(30)
    ]
    sources = [source(number) for number in range(1, 22)]
    alone = World(sources).run(small, until_s=900)
    beside = World(sources).run([Arrival(0, 1, 100_000), *small], until_s=900)
    assert len(beside.waits[1]) > 80_000  # the noisy one does not stand still for it
    for number in range(2, 22):
        assert len(beside.waits[number]) == len(alone.waits[number])
        assert p95(beside.waits[number]) <= 2 * p95(alone.waits[number])


def test_low_priority_finishes_beside_a_flood_of_high():
    flood = [Arrival(second, 1, 500, priority=0) for second in range(4000)]  # more than the workers can take
    world = World([source(1), source(2)]).run([*flood, Arrival(0, 2, 200, priority=2)], until_s=4000)
    assert world.admitted[2, 2] == 200
    assert max(world.waits[2]) < 2 * AGING.total_seconds() + 60


def test_low_priority_of_the_same_source_finishes_too():
    flood = [Arrival(second, 1, 500, priority=0) for second in range(5000)]
    world = World([source(1)]).run([*flood, Arrival(0, 1, 200, priority=2)], until_s=5000)
    assert world.admitted[1, 2] == 200


def test_better_classes_go_first_across_sources():
    look = state(source(1, much(1)), source(2, Waiting(0, 3, START), finish=1e6), open_flights=2)
    assert [a.source_id for a in decide(look, START)] == [2, 1]


def test_what_is_of_a_worse_class_than_the_next_sources_work_does_not_ride_along():
    mixed = source(1, Waiting(0, 3, START), Waiting(2, 50, START))
    first, second, *_ = decide(state(mixed, source(2, much(1))), START)
    assert (first.source_id, first.runs) == (1, 3)
    assert second.source_id == 2
    [alone, *_] = decide(state(mixed, open_flights=1), START)
    assert alone.runs == 53


def test_who_was_idle_has_not_saved_up():
    busy = source(1, much(), finish=50_000.0)
    back = source(2, much(), finish=10.0)
    [*first] = decide(state(busy, back, virtual=49_936.0, open_flights=8), START)
    counts = Counter(a.source_id for a in first)
    assert abs(counts[1] - counts[2]) <= 1


def test_room_is_kept_for_sources_that_have_nothing_in_the_air():
    first = decide(state(source(1, much())), START)
    assert len(first) == 14
    later = state(
        source(1, much(), flying=14, finish=first[-1].finish(64, 1)),
        source(2, Waiting(1, 1, START)),
        flying={"k": 14},
        virtual=first[-1].start,
    )
    assert [a.source_id for a in decide(later, START)] == [2]


def test_work_is_spread_over_the_flights_that_there_is_room_for():
    assert [a.runs for a in decide(state(source(1, Waiting(1, 8, START)), open_flights=4), START)] == [2, 2, 2, 2]


def test_a_class_rises_by_one_with_every_interval_and_no_further_than_the_best():
    assert [class_of(2, START - n * AGING, START) for n in (0, 0.9, 1, 2, 9)] == [2, 2, 1, 0, 0]
    assert class_of(1, START + AGING, START) == 1  # begun after this look at the clock


@given(
    st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(1, 20)), max_size=60),
    st.sampled_from([0.1, 1.0, 7.5, 50.0]),
)
def test_a_rate_is_never_exceeded_over_any_span(rests, rate):
    """What goes in any span is at most the burst and the rate over the span."""
    profile = Profile(rate_per_s=rate)
    one, now = source(1), START
    went = [(START, 0)]  # at this time so many were through
    for rest, wanted in rests:
        now += timedelta(seconds=rest)
        if runs := min(wanted, int(allowance(one, profile, now))):
            one = replace(one, next_slot=next_slot(one.next_slot, runs, profile, now))
            went.append((now, went[-1][1] + runs))
    for n in range(1, len(went)):
        (began, _), before = went[n], went[n - 1][1]
        for ended, after in went[n:]:
            assert after - before <= profile.burst + rate * (ended - began).total_seconds() + 0.01


def test_a_rate_is_used_up_to_what_it_allows():
    world = World([source(1)], profiles={"k": Profile(rate_per_s=5.0)})
    world.run([Arrival(0, 1, 10_000)], until_s=100)
    assert world.admitted[1, 1] == pytest.approx(500, abs=15)


@st.composite
def looks(draw: st.DrawFn) -> State:
    kinds = ["a", "b"]
    sources = [
        source(
            number,
            *draw(
                st.lists(
                    st.builds(
                        Waiting,
                        PRIORITIES,
                        st.integers(0, 500),
                        st.integers(0, 3000).map(lambda waited: START - timedelta(seconds=waited)),
                    ),
                    max_size=3,
                    unique_by=lambda waiting: waiting.priority,
                )
            ),
            kind=draw(st.sampled_from(kinds)),
            weight=draw(st.integers(1, 9)),
            flying=draw(st.integers(0, 4)),
            finish=draw(st.floats(0, 1000)),
            paused=draw(st.integers(0, 9)) == 0,
            not_before=START + timedelta(seconds=draw(st.integers(-9, 9))) if draw(st.booleans()) else None,
            next_slot=START + timedelta(seconds=draw(st.integers(-9, 9))) if draw(st.booleans()) else None,
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    limits = st.none() | st.integers(1, 6)
    profiles = {
        kind: Profile(draw(limits), draw(limits), draw(limits), None, draw(st.none() | st.floats(0.1, 20)))
        for kind in kinds
    }
    flying = Counter(one.kind for one in sources for _ in range(one.flying))
    cap = draw(st.integers(0, 32))
    return state(*sources, profiles=profiles, flying=flying, open_flights=cap, virtual=draw(st.floats(0, 1000)))


@settings(max_examples=400)
@given(looks(), st.randoms())
def test_the_order_of_the_snapshot_does_not_matter(look, chance):
    shuffled = list(look.sources)
    chance.shuffle(shuffled)
    assert decide(replace(look, sources=shuffled), START) == decide(look, START)


@settings(max_examples=400)
@given(looks())
def test_no_cap_is_exceeded(look):
    admissions = decide(look, START)
    by_id = {one.id: one for one in look.sources}
    runs, flights, kinds = Counter(), Counter(), Counter(look.flying)
    for admission in admissions:
        one = by_id[admission.source_id]
        assert 1 <= admission.runs <= look.flight_runs
        assert admission.runs <= (look.profiles[one.kind].flight_runs or look.flight_runs)
        runs[one.id] += admission.runs
        flights[one.id] += 1
        kinds[one.kind] += 1
    assert not admissions or kinds.total() <= look.open_flights
    for number, admitted in runs.items():
        one, profile = by_id[number], look.profiles[by_id[number].kind]
        assert not one.paused
        assert one.not_before is None or one.not_before <= START
        assert admitted <= sum(waiting.count for waiting in one.waiting)
        assert admitted <= allowance(one, profile, START)
        assert one.flying + flights[number] <= (profile.flights_per_source or look.open_flights)
        assert kinds[one.kind] <= (profile.flights or look.open_flights)


@settings(max_examples=400)
@given(looks())
def test_virtual_time_never_runs_backwards_and_no_share_is_saved_up(look):
    finish = {one.id: one.finish for one in look.sources}
    weight = {one.id: one.weight for one in look.sources}
    virtual = look.virtual
    for admission in decide(look, START):
        assert admission.start >= virtual
        assert admission.start == max(virtual, finish[admission.source_id])
        virtual = admission.start
        finish[admission.source_id] = admission.finish(admission.runs, weight[admission.source_id])


@settings(max_examples=200)
@given(looks())
def test_room_is_not_left_unused_while_someone_may_go(look):
    """What is left is what is kept free, or everybody who waits is at a limit of his own."""
    admissions = decide(look, START)
    if look.open_flights - sum(look.flying.values()) - len(admissions) <= round(look.open_flights / 8):
        return
    runs = Counter({one.id: 0 for one in look.sources})
    flights = Counter()
    kinds = Counter(look.flying)
    for admission in admissions:
        runs[admission.source_id] += admission.runs
        flights[admission.source_id] += 1
        kinds[next(one.kind for one in look.sources if one.id == admission.source_id)] += 1
    for one in look.sources:
        profile = look.profiles[one.kind]
        assert (
            one.paused
            or (one.not_before and one.not_before > START)
            or runs[one.id] == sum(waiting.count for waiting in one.waiting)
            or allowance(one, profile, START) - runs[one.id] < 1
            or (profile.flights and kinds[one.kind] >= profile.flights)
            or (profile.flights_per_source and one.flying + flights[one.id] >= profile.flights_per_source)
        )


def test_caps_hold_over_time_and_a_connectors_cap_is_for_all_its_sources():
    sources = [source(n, kind="slow" if n < 4 else "k") for n in range(1, 7)]
    world = World(sources, profiles={"slow": Profile(flights=5, flights_per_source=2)})
    world.run([Arrival(n % 7, n % 6 + 1, 400) for n in range(300)], until_s=400)
    assert world.most_open["all"] <= 16
    assert world.most_open["slow"] == 5
    assert max(world.most_open[n] for n in (1, 2, 3)) == 2


WAITERS = st.lists(
    st.builds(waiter, st.sampled_from(["due", "fresh"]), st.integers(1, 99), PRIORITIES, st.integers(0, 3000)),
    max_size=40,
    unique_by=lambda one: (one.kind, one.id),
)


@given(WAITERS)
def test_in_a_source_better_classes_go_first_and_of_a_kind_the_longest_waiting(waiters):
    ordered = line(waiters, START)
    classes = [class_of(one.priority, one.since, START) for one in ordered]
    assert sorted(ordered, key=repr) == sorted(waiters, key=repr)
    assert classes == sorted(classes)
    for kind in ("due", "fresh"):
        kept = [(where, one.since, one.id) for where, one in zip(classes, ordered, strict=True) if one.kind == kind]
        assert kept == sorted(kept)


def test_retries_and_fresh_handoffs_go_by_turns():
    old_fresh = [waiter("fresh", n, 1, 500 - n) for n in range(5)]
    late_retries = [waiter("due", n, 1, 50 - n) for n in range(3)]
    kinds = [one.kind for one in line([*old_fresh, *late_retries], START)]
    assert kinds == ["due", "fresh", "due", "fresh", "due", "fresh", "fresh", "fresh"]
