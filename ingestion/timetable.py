"""When a schedule's times are. Pure: the present comes in as an argument."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Self
from zoneinfo import ZoneInfo

from celery.schedules import ParseException, crontab
from cronsim import CronSim, CronSimError

# Further back the first look is a leap, not a walk: each minute of a year would be half a million steps.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WALKED = timedelta(days=1)


@dataclass(frozen=True)
class Timetable:
    """The times of a cron expression in a zone, or those `every` so often from `anchor` on; one of the two.

    Cron is Debian's: a time that the clock leaps over in spring is taken right after the leap, one that comes twice in
    autumn the first time alone, and what runs each hour or oftener does so in both hours.
    """

    cron: str = ""
    zone: str = "UTC"
    every: timedelta | None = None
    anchor: datetime = EPOCH

    @classmethod
    def parse(cls, cron: str, zone: str, every: timedelta | None, anchor: datetime) -> Self:
        """Raises ValueError, with the remedy, for what is no schedule."""
        if bool(cron) == bool(every):
            raise ValueError("give either cron's five fields or an interval")
        if every and every < timedelta(seconds=1):
            raise ValueError("an interval is a second or more")
        try:
            ZoneInfo(zone)
        except (ValueError, KeyError, OSError) as exc:
            raise ValueError(f"{zone!r} is no time zone: give a name such as Europe/Berlin") from exc
        if cron:
            _check(cron)
        return cls(cron, zone, every, anchor)

    def after(self, moment: datetime) -> datetime:
        """The first time after `moment`."""
        if self.every:
            return self.anchor + ((moment - self.anchor) // self.every + 1) * self.every
        # in autumn's second hour the walk begins in the first one
        return next(time for time in self._walk(moment) if time > moment)

    def latest(self, since: datetime, until: datetime) -> datetime:
        """The last time up to `until`; `since` is one that is not later."""
        if self.every:
            return self.anchor + ((until - self.anchor) // self.every) * self.every
        local = until.astimezone(ZoneInfo(self.zone))
        leap = next(CronSim(self.cron, local - WALKED, reverse=True)).astimezone(UTC)
        first = max(since, leap)
        return max(takewhile(lambda time: time <= until, self._walk(first)), default=first)

    def _walk(self, moment: datetime) -> Iterator[datetime]:
        return (time.astimezone(UTC) for time in CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone))))


def spread(source_id: int, scheduled_for: datetime, jitter_s: int) -> timedelta:
    """How much later than scheduled this one begins: the same each time one asks, another for each time and source."""
    drawn = hashlib.sha256(f"{source_id} {scheduled_for.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(seconds=jitter_s * int.from_bytes(drawn[:8], "big") / 2**64)


def _check(cron: str) -> None:
    """Both who rings and who reckons have to understand it."""
    try:
        minute, hour, day, month, weekday = cron.split()
        crontab(minute, hour, day_of_week=weekday, day_of_month=day, month_of_year=month)
        next(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)))
    except (ValueError, ParseException, CronSimError, StopIteration) as exc:
        fields = "give minute, hour, day, month and day of week, as in '30 3 * * mon'"
        raise ValueError(f"{cron!r} is no cron expression ({exc}): {fields}") from exc
