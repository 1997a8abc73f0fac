"""The times of schedules: pure, so the past, the future and the days that the clocks change are all at hand."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.timetable import Timetable, spread

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CRONS = ["*/7 * * * *", "30 2 * * *", "0 */2 * * *", "15 3 * * mon", "0 0 1 */3 *", "59 23 31 12 *", "0 6 13 * fri"]
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
timetables = st.one_of(
    st.builds(Timetable, st.sampled_from(CRONS), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
    st.builds(Timetable, every=st.timedeltas(timedelta(seconds=1), timedelta(days=40)), anchor=st.just(NOON)),
)


def times(timetable: Timetable, since: datetime, count: int) -> list[datetime]:
    found = [timetable.after(since)]
    while len(found) < count:
        found.append(timetable.after(found[-1]))
    return found


@given(timetables, moments)
def test_the_next_time_is_always_later(timetable, moment):
    assert timetable.after(moment) > moment


@given(timetables, moments, st.timedeltas(timedelta(0), timedelta(days=90)))
def test_the_latest_time_is_the_last_one_that_walking_would_find(timetable, moment, away):
    first = timetable.after(moment)
    until = first + away
    latest = timetable.latest(first, until)
    assert first <= latest <= until < timetable.after(latest)


@pytest.mark.parametrize(
    ("cron", "day", "local"),
    [
        # the clocks leap from 2 to 3
        ("30 2 * * *", datetime(2026, 3, 29), ["03:00+0200"]),
        ("0 * * * *", datetime(2026, 3, 29), ["01:00+0100", "03:00+0200"]),
        # and back from 3 to 2
        ("30 2 * * *", datetime(2026, 10, 25), ["02:30+0200"]),
        ("*/30 * * * *", datetime(2026, 10, 25), ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]),
    ],
)
def test_a_day_on_which_the_clocks_change_neither_loses_a_time_nor_has_it_twice(cron, day, local):
    timetable = Timetable(cron, "Europe/Berlin")
    found = times(timetable, day.replace(hour=0, tzinfo=BERLIN), 12)
    shown = [f"{time.astimezone(BERLIN):%H:%M%z}" for time in found if time.astimezone(BERLIN).date() == day.date()]
    assert [time for time in shown if time in local] == local
    assert all(one < other for one, other in pairwise(found))


def test_in_autumns_second_hour_the_first_ones_time_does_not_come_again():
    second_hour = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 2:10 for the second time
    assert Timetable("30 2 * * *", "Europe/Berlin").after(second_hour) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_an_interval_is_counted_from_its_anchor_whenever_one_looks():
    hourly = Timetable(every=timedelta(hours=1), anchor=NOON)
    assert hourly.after(NOON + timedelta(minutes=59)) == NOON + timedelta(hours=1)
    assert hourly.after(NOON + timedelta(hours=1)) == NOON + timedelta(hours=2)
    assert hourly.latest(NOON, NOON + timedelta(hours=7, minutes=5)) == NOON + timedelta(hours=7)


@pytest.mark.parametrize(
    ("cron", "zone", "every", "remedy"),
    [
        ("", "UTC", None, "either cron"),
        ("* * * * *", "UTC", timedelta(hours=1), "either cron"),
        ("", "UTC", timedelta(milliseconds=1), "a second or more"),
        ("61 * * * *", "UTC", None, "minute, hour, day"),
        ("* * * *", "UTC", None, "minute, hour, day"),
        ("0 0 30 2 *", "UTC", None, "minute, hour, day"),
        ("@daily", "UTC", None, "minute, hour, day"),
        ("0 3 * * *", "Berlin/Europe", None, "Europe/Berlin"),
        ("0 3 * * *", "../../etc/passwd", None, "Europe/Berlin"),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_remedy(cron, zone, every, remedy):
    with pytest.raises(ValueError, match=remedy):
        Timetable.parse(cron, zone, every, NOON)


@given(st.integers(1, 1000), moments, st.integers(0, 3600))
def test_jitter_is_drawn_once_for_all(source_id, moment, jitter_s):
    drawn = spread(source_id, moment, jitter_s)
    assert timedelta(0) <= drawn <= timedelta(seconds=jitter_s)
    assert drawn == spread(source_id, moment.astimezone(BERLIN), jitter_s)


def test_jitter_parts_what_is_due_together():
    drawn = {spread(source_id, NOON, 600) // timedelta(minutes=1) for source_id in range(200)}
    assert drawn == set(range(10))
