"""Turn a time of a schedule that has come into an occurrence.

Beat, each of two beats, and the dispatcher's tick may say that a time has come, as often as they like: what is due is
read from the schedule's row under its lock, by the database's clock, and an occurrence is unique by source and time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from ingestion.models import Overlap
from ingestion.timetable import Timetable, spread
from ledger import statements
from ledger.crashpoints import reached
from ledger.reasons import Reason

PAGE = 200
# Beat rings up to so much too early: by its own clock, which is not the database's.
EARLY_S = 2.0
# For so long the tick leaves a time to beat. What is begun up to a minute late is not late, whatever the grace.
PATIENCE_S, ON_TIME = 10.0, timedelta(seconds=60)

NEXT = """
SELECT s.source_id, s.cron, s.time_zone, s.every_s, s.anchor, s.next_at, s.overlap, s.grace_s, s.jitter_s, o.paused,
       EXISTS (SELECT FROM ingestion_occurrence r WHERE r.source_id = s.source_id AND r.status = 'running') AS running,
       EXISTS (SELECT FROM ingestion_occurrence d WHERE d.source_id = s.source_id AND d.status = 'due') AS due,
       greatest(now(), s.next_at) AS now
FROM ingestion_schedule s JOIN handoffs_source o ON o.id = s.source_id
WHERE s.next_at <= now() + %(early)s * interval '1 s' AND (%(only)s::bigint IS NULL OR s.source_id = %(only)s)
ORDER BY s.next_at LIMIT %(page)s FOR UPDATE OF s SKIP LOCKED
"""
# A conflict is with a row for the same time, or with one that is due already and does as well.
FIRE = """
INSERT INTO ingestion_occurrence (source_id, scheduled_for, cause, by, status, reason, next_attempt_at, missed_since,
  worker, fence, attempts, crashes, accept_deletions, recheck, report, failure, detail, traceback)
SELECT source_id, scheduled_for, 'scheduled', %(by)s, status, reason, next_attempt_at, missed_since,
       '', 0, 0, 0, false, false, '{}', '', '', ''
FROM unnest(%(sources)s::bigint[], %(times)s::timestamptz[], %(statuses)s::text[], %(reasons)s::text[],
            %(attempts)s::timestamptz[], %(missed)s::timestamptz[])
  AS g(source_id, scheduled_for, status, reason, next_attempt_at, missed_since)
ORDER BY source_id ON CONFLICT DO NOTHING
"""
MOVE_ON = """
UPDATE ingestion_schedule s SET next_at = g.next_at
FROM unnest(%(sources)s::bigint[], %(nexts)s::timestamptz[]) AS g(source_id, next_at) WHERE s.source_id = g.source_id
"""


@dataclass(frozen=True)
class Coming:
    """A schedule whose time has come, and what goes on at its source. The names are the columns of NEXT."""

    source_id: int
    cron: str
    zone: str
    every_s: int | None
    anchor: datetime
    next_at: datetime
    overlap: str
    grace_s: int
    jitter_s: int
    paused: bool
    running: bool
    due: bool
    now: datetime

    @property
    def timetable(self) -> Timetable:
        every = timedelta(seconds=self.every_s) if self.every_s else None
        return Timetable(self.cron, self.zone, every, self.anchor)


@dataclass(frozen=True)
class Fired:
    """What becomes of the latest time up to now; the times before it, from `missed_since` on, it stands for."""

    scheduled_for: datetime
    status: str
    reason: Reason
    next_attempt_at: datetime | None
    missed_since: datetime | None
    next_at: datetime


def decide(coming: Coming) -> Fired:
    """One run for all times that have passed, if the last of them did within the grace; none after it."""
    timetable = coming.timetable
    latest = timetable.latest(coming.next_at, coming.now)
    status, reason = "due", Reason.SCHEDULED
    if coming.paused:
        status, reason = "skipped", Reason.PAUSED
    elif coming.now - latest > max(ON_TIME, timedelta(seconds=coming.grace_s)):
        status, reason = "missed", Reason.TOO_LATE
    elif coming.due or (coming.running and coming.overlap == Overlap.SKIP):
        status, reason = "skipped", Reason.OVERLAP
    begin = latest + spread(coming.source_id, latest, coming.jitter_s) if status == "due" else None
    missed_since = coming.next_at if latest > coming.next_at else None
    return Fired(latest, status, reason, begin, missed_since, timetable.after(latest))


def fire(source_id: int | None = None, *, by: str, early_s: float = EARLY_S) -> int:
    """Make the occurrences of the schedules whose time has come, a page of them; return how many times were dealt with.

    Needs a transaction.
    """
    found = statements.rows(NEXT, {"early": early_s, "only": source_id, "page": PAGE})
    if not found:
        return 0
    told = {row[0]: decide(Coming(*row)) for row in found}
    fired = list(told.values())
    statements.run(
        FIRE,
        {
            "by": by,
            "sources": list(told),
            "times": [one.scheduled_for for one in fired],
            "statuses": [one.status for one in fired],
            "reasons": [one.reason for one in fired],
            "attempts": [one.next_attempt_at for one in fired],
            "missed": [one.missed_since for one in fired],
        },
    )
    statements.run(MOVE_ON, {"sources": list(told), "nexts": [one.next_at for one in fired]})
    return len(fired)


def fire_one(source_id: int, *, by: str) -> None:
    """What beat asks for."""
    with transaction.atomic(durable=True):
        fire(source_id, by=by)
        reached("fire.before_commit")
    reached("fire.after_commit")
