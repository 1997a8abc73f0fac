"""Give sources schedules and take them away, each with the bell that beat rings for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from handoffs import diary
from handoffs.models import Source
from ingestion.connectors import PUSHED
from ingestion.models import Schedule
from ingestion.timetable import Timetable
from ledger import statements
from ledger.deeds import Answer, in_pages
from ledger.reasons import Reason

TASK = "ingestion.fire"


def schedule(sources: QuerySet[Source], *, by: str, dry_run: bool = False, **when: Any) -> Answer:
    """Have the sources synced at these times, in place of those that they had; `when` is as in `set_schedule`.

    Raises ValueError, with the remedy, for what is no schedule.
    """

    def page(ids: list[int]) -> Answer:
        answer = Answer()
        for source in Source.objects.filter(pk__in=ids).order_by("pk"):
            if source.kind == PUSHED:
                answer += Answer(refused={"nothing_to_list": [source.pk]})
            else:
                set_schedule(source, by=by, **when)
                answer += Answer({"scheduled": [source.pk]})
        return answer

    return in_pages(sources, page, dry_run=dry_run)


def unschedule(sources: QuerySet[Source], *, by: str, dry_run: bool = False) -> Answer:
    def page(ids: list[int]) -> Answer:
        found = remove_schedules(ids, by=by)
        return Answer({"unscheduled": found}, {"not_scheduled": sorted(set(ids) - set(found))})

    return in_pages(sources, page, dry_run=dry_run)


def set_schedule(
    source: Source, *, cron: str = "", zone: str = "UTC", every: timedelta | None = None, by: str, **options: Any
) -> None:
    """Give the source a schedule: by cron's rules in a time zone, or an interval. Needs a transaction.

    `options` are grace_s, jitter_s and overlap; those not given stay. Raises ValueError, with the remedy, for what is
    no schedule.
    """
    [(now,)] = statements.rows("SELECT now()")
    timetable = Timetable.parse(cron, zone, every, now)
    given = {
        "cron": cron,
        "time_zone": zone,
        "every_s": int(every.total_seconds()) if every else None,
        "anchor": now,
        "next_at": timetable.after(now),
    }
    made, _ = Schedule.objects.update_or_create(source=source, defaults=given | options)
    _set_bell(source, timetable, now)
    diary.note([source.pk], Reason.SCHEDULE_SET, by=by, words=str(made))


def remove_schedules(sources: Sequence[int], *, by: str) -> list[int]:
    """Take the sources' schedules away, and beat's bells; return those that had one. Needs a transaction."""
    rows = Schedule.objects.filter(source__in=sources)
    found = sorted(rows.values_list("source_id", flat=True))
    rows.delete()
    PeriodicTask.objects.filter(name__in=[_bell(source_id) for source_id in sources]).delete()
    diary.note(found, Reason.SCHEDULE_REMOVED, by=by)
    return found


def coming(schedule: Schedule, count: int) -> list[datetime]:
    """The next times of the schedule, in its time zone; without their jitter."""
    every = timedelta(seconds=schedule.every_s) if schedule.every_s else None
    timetable = Timetable(schedule.cron, schedule.time_zone, every, schedule.anchor)
    times = [schedule.next_at]
    while len(times) < count:
        times.append(timetable.after(times[-1]))
    return [time.astimezone(ZoneInfo(schedule.time_zone)) for time in times]


def _bell(source_id: int) -> str:
    return f"sync source {source_id}"


def _set_bell(source: Source, timetable: Timetable, now: datetime) -> None:
    crontab = interval = None
    if timetable.cron:
        minute, hour, day, month, weekday = timetable.cron.split()
        crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=minute,
            hour=hour,
            day_of_month=day,
            month_of_year=month,
            day_of_week=weekday,
            timezone=timetable.zone,
        )
    elif timetable.every:
        seconds = int(timetable.every.total_seconds())
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.update_or_create(
        name=_bell(source.pk),
        defaults={
            "task": TASK,
            "args": f"[{source.pk}]",
            "queue": "sync",
            "crontab": crontab,
            "interval": interval,
            "last_run_at": now,
            "enabled": True,
        },
    )
