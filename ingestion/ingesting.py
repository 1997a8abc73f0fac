"""Ingest a source from its listing to its runs' ends: what `manage.py ingest` and the demo do."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from handoffs import consent
from handoffs.models import Reflection, Source
from ingestion.duty import Rounds
from ingestion.stages import ORDER
from ingestion.sync import SyncBusy, SyncReport, sync
from ingestion.waking import wait
from ledger import statements
from ledger.commands import operator

POLL_S, POLL_MOST_S = 0.1, 0.5  # looked at less often while nothing moves: looking costs the workers time
BUSY_MOST_S = 60.0  # another's sync of the source is waited for so long
MODEL_STAGES = ("embed", "entity", "fact")

# Where the runs of this ingest stand: those made since it began, and those that were on their way then.
STANDING = """
SELECT status, stage, reason, count(*) FROM ingestion_ingestrun
WHERE source_id = %(source)s AND (id > %(after)s OR id = ANY(%(already)s)) GROUP BY 1, 2, 3
"""
# What will still move without a person: of a paused source only what is in the air, and nothing that is in review.
OPEN = """
SELECT (SELECT count(*) FROM handoffs_handoff h
        WHERE h.source_id = s.id AND h.status IN ('pending', 'queued', 'ingesting')
          AND (NOT s.paused OR EXISTS (SELECT FROM ingestion_ingestrun r
                                       WHERE r.handoff_id = h.id AND r.status = 'running'))
          AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.handoff_id = h.id AND r.status = 'in_review')),
       (SELECT count(*) FROM patches_uncarriedbatch u JOIN patches_patchbatch b ON b.id = u.batch_id
        WHERE b.source_id = s.id AND NOT s.paused)
FROM handoffs_source s WHERE s.id = %(source)s
"""
MODEL_CALLS = """
SELECT coalesce(sum((o.data ->> 'new')::int), 0)
FROM ingestion_stageoutput o JOIN ingestion_ingestrun r ON r.id = o.run_id
WHERE r.source_id = %(source)s AND (r.id > %(after)s OR r.id = ANY(%(already)s)) AND o.stage = ANY(%(stages)s)
"""
UNDER_WAY = """
SELECT coalesce((SELECT max(id) FROM ingestion_ingestrun), 0),
       ARRAY(SELECT id FROM ingestion_ingestrun WHERE source_id = %s
             AND status IN ('pending', 'running', 'retry_wait', 'in_review'))
"""


@dataclass
class Standing:
    """How many runs have each stage behind them, how many there are, and how they ended."""

    runs: int = 0
    waiting_handoffs: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Report:
    """What an ingest did. `failed` counts what ended without its knowledge in the store for a fault of its own."""

    sync: SyncReport
    standing: Standing
    model_calls: int
    seconds: float

    @property
    def outcomes(self) -> Counter[str]:
        return self.standing.outcomes + Counter({"failed": self.sync.refused.total()})

    @property
    def reasons(self) -> Counter[str]:
        return self.standing.reasons + Counter({reason.value: n for reason, n in self.sync.refused.items()})

    @property
    def failed(self) -> int:
        return self.outcomes["failed"] + self.outcomes["quarantined"]

    def as_json(self) -> dict[str, Any]:
        return {
            "items": self.sync.listed,
            "unchanged": self.sync.unchanged + self.sync.touched,
            "new": self.sync.new,
            "reopened": self.sync.reopened,
            "gone": self.sync.gone,
            "deletions_held": self.sync.held,
            "skipped": {reason.value: n for reason, n in sorted(self.sync.skipped.items())},
            "outcomes": dict(sorted(self.outcomes.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "model_calls": self.model_calls,
            "seconds": round(self.seconds, 3),
        }


def register(reflection: str, kind: str, name: str, options: Mapping[str, Any]) -> Source:
    """Return the source of this name, made or brought up to these options; its reflection is made if it is new.

    Who makes it allows that it is taken in.
    """
    with transaction.atomic():
        owner, _ = Reflection.objects.get_or_create(name=reflection)
        source, made = Source.objects.get_or_create(
            reflection=owner, name=name, defaults={"kind": kind, "options": dict(options)}
        )
        if made:
            consent.grant([source.pk], by=operator())
    if not made and (source.kind != kind or source.options != dict(options)):
        source.kind, source.options = kind, dict(options)
        source.save(update_fields=["kind", "options"])
    return source


def ingest(
    source: Source,
    *,
    accept_deletions: bool = False,
    listing: Callable[[SyncReport], None] = lambda _: None,
    standing: Callable[[Standing], None] = lambda _: None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Report:
    """Sync the source, then dispatch and sweep until each of its handoffs has ended; `meanwhile` is called in between.

    A dispatcher of its own may run at the same time: one process at a time decides. Stopped half-way it loses nothing.
    Raises SyncBusy when another process syncs the source for long.
    """
    began = time.monotonic()
    [(after, already)] = statements.rows(UNDER_WAY, [source.pk])
    which = {"source": source.pk, "after": after, "already": already}
    duty = Rounds()

    def listed(report: SyncReport) -> None:
        duty.take()  # the workers need not wait for the listing to end, nor the listing for other workers
        listing(report)
        meanwhile()

    synced = _synced(lambda: sync(source, accept_deletions=accept_deletions, progress=listed))
    seen, pause_s = Standing(), POLL_S
    while True:
        duty.take()
        [(handoffs, uncarried)] = statements.rows(OPEN, which)  # first: what ends in between is counted
        before, seen = seen, look(which)
        pause_s = POLL_S if seen != before else min(pause_s * 1.5, POLL_MOST_S)
        standing(seen)
        if not handoffs and not uncarried:
            break
        if not handoffs:
            duty.sweep_next()
        meanwhile()
        wait(pause_s)  # whoever ends a flight wakes us
    [(calls,)] = statements.rows(MODEL_CALLS, {**which, "stages": list(MODEL_STAGES)})
    return Report(synced, seen, calls, time.monotonic() - began)


def _synced(syncing: Callable[[], SyncReport]) -> SyncReport:
    """Wait for another's sync of the source to end: it has a schedule, or somebody saw it change."""
    until = time.monotonic() + BUSY_MOST_S
    while True:
        try:
            return syncing()
        except SyncBusy:
            if time.monotonic() > until:
                raise
            wait(POLL_MOST_S)


def look(which: Mapping[str, Any]) -> Standing:
    """Count where the runs stand."""
    seen = Standing()
    for status, stage, reason, count in statements.rows(STANDING, dict(which)):
        seen.runs += count
        ended = status not in ("pending", "running", "retry_wait")  # in review: a person ends it
        for name in ORDER if ended else ORDER[: ORDER.index(stage)]:
            seen.passed[name] += count
        if ended:
            seen.outcomes[status] += count
            seen.reasons[reason] += count
    return seen
