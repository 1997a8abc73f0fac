"""The timeline: what a slot's live assertions amount to, whatever order they come in."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patches.timeline import Held, instants, timeline

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


@given(st.lists(assertions(), max_size=6).flatmap(lambda a: st.tuples(st.just(a), st.permutations(a))), st.booleans())
def test_the_order_in_which_documents_arrive_changes_nothing(two_orders, single):
    found, shuffled = two_orders
    if not single:
        found, shuffled = ([held for held in order if held.object_key == "a"] for order in (found, shuffled))
    assert timeline(found, single=single) == timeline(shuffled, single=single)


@given(st.lists(assertions(), max_size=7))
def test_a_single_valued_slot_never_holds_two_values_at_once(found):
    for first, second in pairwise(timeline(found, single=True)):
        assert first.end is not None
        assert second.start is not None
        assert first.end <= second.start
        assert first.end < second.start or first.object_key != second.object_key, "equal neighbours are one"


@given(st.lists(assertions(), max_size=7))
def test_a_single_valued_slot_holds_only_what_someone_asserts(found):
    for held in timeline(found, single=True):
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

    due = timeline(found, single=False)

    assert {n for n in range(-2, DAYS + 2) if any(holds(held, day(n)) for held in due)} == expected
    assert all(first.end < second.start for first, second in pairwise(due)), "equal neighbours are one"


def holds(held: Held, moment: datetime) -> bool:
    return (not held.start or held.start <= moment) and (not held.end or moment < held.end)


def test_since_and_until_from_two_documents_are_one_stay():
    assert shown(timeline(stays(("ann", "2011", None), ("ann", None, "2019")), single=False)) == [
        ("ann", "2011-01-01", "2020-01-01")
    ]


def test_a_successor_closes_the_one_before():
    assert shown(timeline(stays(("bob", "2016", None), ("ann", "2011", None)), single=True)) == [
        ("ann", "2011-01-01", "2016-01-01"),
        ("bob", "2016-01-01", None),
    ]


def test_one_who_leaves_and_comes_back_holds_it_twice():
    twice = stays(("ann", "2001", "2004"), ("ann", "2010", "2012"))
    expected = [("ann", "2001-01-01", "2005-01-01"), ("ann", "2010-01-01", "2013-01-01")]
    assert shown(timeline(twice, single=True)) == expected
    assert shown(timeline(twice, single=False)) == expected


def test_one_who_comes_back_after_another_holds_it_twice():
    assert shown(timeline(stays(("ann", "2001", None), ("bob", "2004", None), ("ann", "2008", None)), single=True)) == [
        ("ann", "2001-01-01", "2004-01-01"),
        ("bob", "2004-01-01", "2008-01-01"),
        ("ann", "2008-01-01", None),
    ]


def test_of_two_who_start_together_the_better_supported_holds_it():
    assert shown(timeline(stays(("ann", "2011", None), ("bob", "2011", None), ("bob", "2011", None)), single=True)) == [
        ("bob", "2011-01-01", None)
    ]


def test_neighbouring_periods_of_one_value_are_one():
    assert shown(timeline(stays(("ann", "2011", "2012"), ("ann", "2013", "2014")), single=True)) == [
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
