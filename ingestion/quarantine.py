"""Runs that wait for a person: why, in groups that failed the same way; how they are given up."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from ingestion.lifecycles import RUN
from ingestion.models import IngestRun, Quarantine
from ingestion.tracebacks import exception_of, own_frames
from ledger import statements
from ledger.deeds import Answer, Page, in_pages
from ledger.reasons import Reason

FINGERPRINT_CHARS = 16
NOTE_CHARS = 200

NOTE = """
INSERT INTO ingestion_quarantine (run_id, stage, failure, fingerprint, exception, traceback)
SELECT * FROM unnest(%(runs)s::bigint[], %(stages)s::text[], %(failures)s::text[], %(fingerprints)s::text[],
                     %(exceptions)s::text[], %(tracebacks)s::text[])
ON CONFLICT (run_id) DO UPDATE SET stage = EXCLUDED.stage, failure = EXCLUDED.failure,
  fingerprint = EXCLUDED.fingerprint, exception = EXCLUDED.exception, traceback = EXCLUDED.traceback,
  times = ingestion_quarantine.times + 1, follows_id = NULL, asked_by = '', note = '', last_at = now()
"""


@dataclass(frozen=True)
class Cause:
    """Why a run comes here. `kind` is its connector's; `traceback` is one that tracebacks.redacted made, or empty."""

    run_id: int
    kind: str
    stage: str
    failure: str
    reason: str
    traceback: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for what failed the same way: no line number and no message is in it, so it outlives small edits."""
        parts = [self.kind, self.stage, self.failure, self.reason, exception_of(self.traceback)]
        whole = "\n".join([*parts, *own_frames(self.traceback)])
        return hashlib.sha256(whole.encode()).hexdigest()[:FINGERPRINT_CHARS]


@dataclass(frozen=True)
class Group:
    """The runs in quarantine that failed the same way. `sample` is the oldest; `following` wait for a probe.

    `times` is how often the one that was sent back most often came here.
    """

    fingerprint: str
    kind: str
    stage: str
    failure: str
    reason: str
    exception: str
    runs: int
    following: int
    first: datetime
    last: datetime
    sample: int
    times: int


def note(causes: Sequence[Cause]) -> None:
    """Keep why the runs come here, and count how often: one statement. Needs a transaction."""
    if not causes:
        return
    parameters = {
        "runs": [cause.run_id for cause in causes],
        "stages": [cause.stage for cause in causes],
        "failures": [cause.failure for cause in causes],
        "fingerprints": [cause.fingerprint for cause in causes],
        "exceptions": [exception_of(cause.traceback)[:200] for cause in causes],
        "tracebacks": [cause.traceback for cause in causes],
    }
    statements.run(NOTE, parameters)


def groups(runs: QuerySet[IngestRun]) -> list[Group]:
    """Those of the runs that are in quarantine, by what they failed of; the largest group first."""
    what = ("fingerprint", "run__source__kind", "stage", "failure", "run__reason", "exception")
    counted = (
        Quarantine.objects.waiting()
        .filter(run__in=runs)
        .values_list(*what)
        .annotate(
            runs=Count("pk"),
            following=Count("pk", filter=Q(follows__isnull=False)),
            first=Min("created_at"),
            last=Max("last_at"),
            sample=Min("run"),
            times=Max("times"),
        )
    )
    return [Group(*row) for row in counted.order_by("-runs", "fingerprint")]


def discard(runs: QuerySet[IngestRun], why: str, *, by: str, dry_run: bool = False) -> Answer:
    """Give up runs in quarantine: they end as failed, and the words stay with them."""
    return in_pages(runs, discarding(by=by, why=why), dry_run=dry_run)


def discarding(*, by: str, why: str) -> Page:
    """As `discard`, for a page of runs."""

    def page(ids: list[int]) -> Answer:
        rows = IngestRun.objects.filter(pk__in=ids)
        told: dict[str, Any] = {"reason": Reason.DISCARDED, "answered": Reason.DISCARDED}
        moved = RUN.move(rows, was={"quarantined"}, to="failed", by=by, note=why, **told)
        Quarantine.objects.filter(run__in=moved).update(note=why[:NOTE_CHARS], follows=None)
        return Answer({"discarded": moved}, {"not_quarantined": sorted(set(ids) - set(moved))})

    return page
