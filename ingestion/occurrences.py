"""Take up an occurrence: sync its source under a lease, and write down how it ended.

Two syncs of one source do no harm, as each page is taken in by itself and `sync` holds a lock; the lease decides who
writes the end. Whoever takes it up raises its fence, and the end is written only under that fence.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from ingestion.backoff import delay
from ingestion.heartbeat import renewing
from ingestion.lifecycles import OCCURRENCE
from ingestion.models import Occurrence
from ingestion.policies import rules_of
from ingestion.sync import SyncBusy, SyncReport, sync
from ingestion.tracebacks import redacted
from ledger.crashpoints import reached
from ledger.failures import Failure, RateLimited, Timeout, Unexpected
from ledger.lifecycle import FromNow
from ledger.reasons import Reason

log = structlog.get_logger(__name__)

BUSY_S = 5.0

BEAT = """
UPDATE ingestion_occurrence SET lease_until = now() + %(lease)s * interval '1 s', report = %(report)s
WHERE id = %(occurrence)s AND status = 'running' AND fence = %(fence)s
"""


class LeaseLost(Exception):
    """Somebody else has the occurrence by now, or its worker was told to end: what is taken in is, the rest is not."""


@dataclass
class Hold:
    """A worker's hold on an occurrence: its row as it was when it was taken up."""

    occurrence: Occurrence
    worker: str
    report: Mapping[str, Any] = field(default_factory=dict)  # as far as it is

    @property
    def fence(self) -> int:
        return self.occurrence.fence + 1

    def end(self, to: str, reason: Reason, **changes: Any) -> bool:
        """Move the occurrence out of `running`; False when it is not ours any more."""
        ours = Occurrence.objects.filter(pk=self.occurrence.pk, fence=self.fence)
        told: dict[str, Any] = {"reason": reason, "by": self.worker, "lease_until": None, "worker": ""}
        report = {self.occurrence.pk: self.report}
        with transaction.atomic(durable=True):
            moved = OCCURRENCE.move(ours, was={"running"}, to=to, report=report, **told, **changes)
            reached("occurrence.before_commit")
        reached("occurrence.after_commit")
        if not moved:
            log.warning("lease lost", occurrence=self.occurrence.pk)
        return bool(moved)

    def parameters(self) -> Mapping[str, Any]:
        return {"occurrence": self.occurrence.pk, "fence": self.fence, "report": json.dumps(self.report)}

    def again(self, reason: Reason, seconds: float, **changes: Any) -> bool:
        return self.end("due", reason, next_attempt_at=FromNow(seconds), rung_at=None, **changes)


def take_up(occurrence_id: int, *, worker: str) -> bool:
    """Sync the occurrence's source; False when the occurrence is not due, not ours, or not ended by this."""
    hold = _board(occurrence_id, worker)
    if hold is None:
        return False
    reached("occurrence.boarded")
    try:
        with renewing(BEAT, hold.parameters, occurrence=occurrence_id) as lost:
            _sync(hold, lost)
    except LeaseLost:
        log.warning("sync stopped: lease lost", occurrence=occurrence_id)
        return False
    except (OperationalError, InterfaceError):
        connection.close()  # the database ended it: nobody is to blame
        hold.again(Reason.DATABASE_BUSY, BUSY_S)
        raise
    except Exception as problem:  # a failure, or a bug: that is recorded with its traceback, never swallowed
        return _not_done(hold, problem)
    return hold.end("done", Reason.SYNCED, failure="", detail="", traceback="")


def _board(occurrence_id: int, worker: str) -> Hold | None:
    """Take the lease. None for a message that is late, early or doubled, and for a source that is busy or paused."""
    due = Occurrence.objects.filter(pk=occurrence_id, next_attempt_at__lte=Now(), source__paused=False)
    try:
        with transaction.atomic(durable=True):
            found = due.select_related("source").first()
            if found is None:
                return None
            as_found = Occurrence.objects.filter(pk=found.pk, fence=found.fence)
            told: dict[str, Any] = {"reason": Reason.STARTED, "by": worker, "next_attempt_at": None, "worker": worker}
            lease: dict[str, Any] = {
                "fence": found.fence + 1,
                "lease_until": FromNow(settings.LEASE_S),
                "started_at": FromNow(),
            }
            if not OCCURRENCE.move(as_found, was={"due"}, to="running", **told, **lease):
                return None
    except IntegrityError:  # one of the source runs: this one has its turn when that has ended
        return None
    return Hold(found, worker)


def _sync(hold: Hold, lost: Event) -> None:
    def progress(report: SyncReport) -> None:
        hold.report = report.as_json()
        if lost.is_set():
            raise LeaseLost

    occurrence = hold.occurrence
    options = {"accept_deletions": occurrence.accept_deletions, "recheck": occurrence.recheck}
    hold.report = sync(occurrence.source, progress=progress, **options).as_json()


def _not_done(hold: Hold, problem: Exception) -> bool:
    if isinstance(problem, SyncBusy):
        return hold.again(Reason.SYNC_BUSY, BUSY_S)
    if isinstance(problem, SoftTimeLimitExceeded):
        return _out_of_time(hold)
    if isinstance(problem, Failure):
        return _failed(hold, problem)
    return _failed(hold, Unexpected(Reason.UNEXPECTED, type(problem).__name__), traceback=redacted(problem))


def _out_of_time(hold: Hold) -> bool:
    """Ended by the worker's time limit: it goes on if it took in anything, else it failed."""
    connection.close()  # nobody knows in the middle of what
    if any(hold.report.get(name) for name in ("new", "reopened", "touched")):
        return hold.again(Reason.TIME_LIMIT, 0)
    return _failed(hold, Timeout(Reason.TIME_LIMIT))


def _failed(hold: Hold, failure: Failure, traceback: str = "") -> bool:
    """Try again as the connector's policy for such failures says, or let it fail."""
    occurrence = hold.occurrence
    policy = rules_of([occurrence.source_id])[occurrence.source_id].policy(failure.kind)
    told = {"failure": failure.kind, "detail": failure.detail, "traceback": traceback}
    if isinstance(failure, RateLimited):
        return hold.again(failure.reason, failure.retry_after.total_seconds(), **told)
    attempts = occurrence.attempts + 1
    if attempts >= policy.attempts:
        return hold.end("failed", failure.reason, attempts=attempts, **told)
    chance = random.random()  # noqa: S311  jitter, not a secret
    wait = delay(attempts, base=policy.base, factor=policy.factor, cap=policy.cap, chance=chance)
    return hold.again(failure.reason, wait.total_seconds(), attempts=attempts, **told)
