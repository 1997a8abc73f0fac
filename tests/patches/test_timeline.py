"""The timeline: what a slot's live assertions amount to, whatever order they come in."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patches.timeline import Held, instants, timeline
from tests.steps import steps

FIRST_DAY = datetime(2010, 1, 1, tzinfo=UTC)
DAYS = 40


def day(n: int | None) -> datetime | None:
    return None if n is None else FIRST_DAY + timedelta(days=n)


@st.composite
def assertions(draw, keys="abc"):
    start = draw(st.none() | st.integers(0, DAYS - 1))
    end = draw(st.none() | st.integers(start + 1 if start is not None else 1, DAYS))
    precision = draw(st.sampled_from(["day", "month", "year"]))
    return Held(day(start), day(end), draw(st.sampled_from(keys)), precision=precision, basis="stated")


def stays(*lines: tuple[str, str | None, str | None]) -> list[Held]:
    """Assertions as texts state them: (value, from, until)."""
    return [Held(*instants(start, end)[:2], key) for key, start, end in lines]


def shown(held: list[Held]) -> list[tuple[str, str | None, str | None]]:
    """What holds, as (value, first day, first day after)."""
    return [(h.object_key, h.start and f"{h.start:%Y-%m-%d}", h.end and f"{h.end:%Y-%m-%d}") for h in held]


@given(
    st.lists(assertions(), max_size=6).flatmap(lambda a: st.tuples(st.just(a), st.permutations(a))),
    st.sampled_from(["single", "many", "event"]),
)
def test_the_order_in_which_documents_arrive_changes_nothing(two_orders, cardinality):
    found, shuffled = two_orders
    if cardinality != "single":
        found, shuffled = ([held for held in order if held.object_key == "a"] for order in (found, shuffled))
    assert timeline(found, cardinality) == timeline(shuffled, cardinality)


@pytest.mark.parametrize("cardinality", ["single", "many", "event"])
def test_of_equal_words_the_most_precise_ones_stand_whichever_came_first(cardinality):
    exact, rough = (Held(day(0), day(9), "a", precision=precision, basis="stated") for precision in ("day", "year"))
    assert timeline([exact, rough], cardinality) == timeline([rough, exact], cardinality) == [exact]


@given(st.lists(assertions(), max_size=7))
def test_a_single_valued_slot_never_holds_two_values_at_once(found):
    for first, second in pairwise(timeline(found, "single")):
        assert first.end is not None
        assert second.start is not None
        assert first.end <= second.start
        assert first.end < second.start or first.object_key != second.object_key, "equal neighbours are one"


@given(st.lists(assertions(), max_size=7))
def test_a_single_valued_slot_holds_only_what_someone_asserts(found):
    for held in timeline(found, "single"):
        assert held.object_key in {assertion.object_key for assertion in found}
        assert held.start is None or held.start in {assertion.start for assertion in found}


@given(st.lists(assertions(keys="a"), max_size=6))
def test_a_many_valued_slot_holds_on_the_days_that_some_assertion_covers(found):
    """By brute force, day by day; an open start ends at the first end stated after it, a lone end joins a start."""
    ends = [held.end for held in found if held.end]
    starts = [held.start for held in found if held.start]
    expected = set()
    for held in found:
        if held.start is None and held.end and any(start < held.end for start in starts):
            continue
        end = held.end
        if held.start and not held.end:
            end = min((e for e in ends if e > held.start), default=None)
        expected |= {
            n for n in range(-2, DAYS + 2) if (not held.start or held.start <= day(n)) and (not end or day(n) < end)
        }

    due = timeline(found, "many")

    assert {n for n in range(-2, DAYS + 2) if any(holds(held, day(n)) for held in due)} == expected
    assert all(first.end < second.start for first, second in pairwise(due)), "equal neighbours are one"


def holds(held: Held, moment: datetime) -> bool:
    return (not held.start or held.start <= moment) and (not held.end or moment < held.end)


def test_since_and_until_from_two_documents_are_one_stay():
    assert shown(timeline(stays(("ann", "2011", None), ("ann", None, "2019")), "many")) == [
        ("ann", "2011-01-01", "2020-01-01")
    ]


def test_a_successor_closes_the_one_before():
    assert shown(timeline(stays(("bob", "2016", None), ("ann", "2011", None)), "single")) == [
        ("ann", "2011-01-01", "2016-01-01"),
        ("bob", "2016-01-01", None),
    ]


def test_one_who_leaves_and_comes_back_holds_it_twice():
    twice = stays(("ann", "2001", "2004"), ("ann", "2010", "2012"))
    expected = [("ann", "2001-01-01", "2005-01-01"), ("ann", "2010-01-01", "2013-01-01")]
    assert shown(timeline(twice, "single")) == expected
    assert shown(timeline(twice, "many")) == expected


def test_one_who_comes_back_after_another_holds_it_twice():
    assert shown(timeline(stays(("ann", "2001", None), ("bob", "2004", None), ("ann", "2008", None)), "single")) == [
        ("ann", "2001-01-01", "2004-01-01"),
        ("bob", "2004-01-01", "2008-01-01"),
        ("ann", "2008-01-01", None),
    ]


def test_of_two_who_start_together_the_better_supported_holds_it():
    assert shown(timeline(stays(("ann", "2011", None), ("bob", "2011", None), ("bob", "2011", None)), "single")) == [
        ("bob", "2011-01-01", None)
    ]


def test_neighbouring_periods_of_one_value_are_one():
    assert shown(timeline(stays(("ann", "2011", "2012"), ("ann", "2013", "2014")), "single")) == [
        ("ann", "2011-01-01", "2015-01-01")
    ]


@pytest.mark.parametrize(
    ("stated", "after"),
    [
        ("2019", "2020-01-01"),
        ("2019-05", "2019-06-01"),
        ("2019-12", "2020-01-01"),
        ("2019-12-31", "2020-01-01"),
        ("2020-02-28", "2020-02-29"),
    ],
)
def test_until_a_year_month_or_day_holds_through_it(stated, after):
    _, end, precision = instants(None, stated)
    assert f"{end:%Y-%m-%d}" == after
    assert precision == ("year", "month", "day")[stated.count("-")]


@pytest.mark.parametrize("stated", ["9999", "9999-12", "9999-12-31"])
def test_the_last_year_that_can_be_written_never_ends(stated):
    start, end, _ = instants(stated, stated)
    assert start is not None
    assert end is None


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2019", "2018"),
        ("2019-05-02", "2019-05-01"),
        ("2019-02-30", None),
        (None, "2019-13"),
        ("0000", None),
        ("soon", None),
        ("2019-05-02-07", None),
    ],
)
def test_dates_that_cannot_be_are_refused(start, end):
    with pytest.raises(ValueError, match=r"."):
        instants(start, end)


def test_the_finer_of_two_dates_says_how_precise_the_period_is():
    assert instants("2019-05-02", "2020")[2] == "day"
    assert instants("2019", "2020-05")[2] == "month"
    assert instants(None, None) == (None, None, "unknown")


def overlap(one: Held, other: Held) -> bool:
    return (not one.start or not other.end or one.start < other.end) and (
        not other.start or not one.end or other.start < one.end
    )


@given(st.lists(assertions(keys="a"), max_size=8))
def test_each_event_that_is_told_of_is_one_that_stands_or_a_vaguer_word_for_it(found):
    stand = timeline(found, "event")

    assert set(stand) <= set(found)
    assert not any(overlap(one, other) for one, other in pairwise(stand))
    for told in found:
        assert any(overlap(told, event) and width(event) <= width(told) for event in stand)


def width(held: Held) -> timedelta:
    return (held.end or datetime.max.replace(tzinfo=UTC)) - (held.start or datetime.min.replace(tzinfo=UTC))


def test_a_year_and_two_days_in_it_are_two_events_and_neighbouring_days_do_not_merge():
    told = stays(("met", "2011", "2011"), ("met", "2011-05-01", "2011-05-01"), ("met", "2011-05-02", "2011-05-02"))
    assert shown(timeline([*told, *told], "event")) == [
        ("met", "2011-05-01", "2011-05-02"),
        ("met", "2011-05-02", "2011-05-03"),
    ]


def test_an_event_without_a_date_is_the_one_that_has_one():
    assert shown(timeline(stays(("met", None, None), ("met", "2011", "2011")), "event")) == [
        ("met", "2011-01-01", "2012-01-01")
    ]
    assert shown(timeline(stays(("met", None, None)), "event")) == [("met", None, None)]


def test_an_end_before_every_start_is_an_earlier_stay():
    found = stays(("ann", None, "2005"), ("ann", "2011", None))
    expected = [("ann", None, "2006-01-01"), ("ann", "2011-01-01", None)]
    assert shown(timeline(found, "many")) == shown(timeline(found, "single")) == expected


def test_two_who_claim_the_very_same_time_do_not_both_get_it():
    found = stays(("bob", "2011", "2013"), ("ann", "2011", "2013"))
    assert shown(timeline(found, "single")) == [("ann", "2011-01-01", "2014-01-01")]


def test_the_first_and_the_last_year_that_can_be_written_bound_a_stay():
    assert shown(timeline(stays(("ann", "0001", "9999")), "single")) == [("ann", "1-01-01", None)]


@pytest.mark.parametrize("cardinality", ["single", "many", "event"])
@pytest.mark.parametrize(
    "shape",
    [
        lambda n: Held(day(n), None, "a"),
        lambda n: Held(None, day(n + 1), "a"),
        lambda n: Held(day(n), None, str(n)) if n % 2 else Held(None, day(n), str(n - 1)),
        lambda n: Held(day(2 * n), day(2 * n + 1), "a"),
        lambda n: Held(day(n // 5), day(n), str(n % 7)),
    ],
    ids=["open", "ends", "many values", "disjoint", "overlapping"],
)
def test_ten_times_the_assertions_on_one_slot_are_ten_times_the_work(cardinality, shape):
    """And some more, since they are sorted, but far from a hundred times."""

    def work(size: int) -> int:
        found = [shape(n) for n in range(size)]
        return steps(lambda: timeline(found, cardinality))

    assert work(3_000) < 15 * work(300)
