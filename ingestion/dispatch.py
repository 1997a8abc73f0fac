"""Turn due work into flights: admit, commit, then ring the broker's bell."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import transaction

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.ring import ring
from ingestion.stages import ORDER
from ledger import statements
from ledger.crashpoints import reached
from ledger.lifecycle import take
from ledger.reasons import Reason

log = structlog.get_logger(__name__)

BY = "dispatch"
DISPATCH_LOCK = 7_304_515

# Sources with work that may go now, the least served for its weight first; `waiting` is counted no further than needed.
SOURCES = """
SELECT s.id, s.reflection_id, count(f.id) AS flying,
  (SELECT count(*) FROM (
     SELECT FROM ingestion_ingestrun r WHERE r.source_id = s.id AND r.status IN ('pending', 'retry_wait')
       AND r.next_attempt_at <= now() LIMIT %(most)s) due)
  + (SELECT count(*) FROM (
     SELECT FROM handoffs_handoff h WHERE h.source_id = s.id AND h.status = 'pending' LIMIT %(most)s) fresh) AS waiting
FROM handoffs_source s LEFT JOIN ingestion_flight f ON f.source_id = s.id AND f.status = 'open'
WHERE NOT s.paused
GROUP BY s.id ORDER BY count(f.id)::float / s.weight, s.priority, s.id
"""
# A run that waits for its content's claimant stays where it is until that one is done.
DUE = """
SELECT r.id, r.handoff_id, r.stage, h.size_bytes
FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
WHERE r.source_id = %(source)s AND r.status IN ('pending', 'retry_wait') AND r.next_attempt_at <= now()
  AND NOT EXISTS (SELECT FROM ingestion_ingestrun c WHERE c.id = r.waits_for_id
                  AND c.status IN ('pending', 'running', 'retry_wait', 'in_review'))
ORDER BY r.priority, r.next_attempt_at, r.id LIMIT %(most)s FOR UPDATE OF r SKIP LOCKED
"""
# A handoff whose reference is being ingested waits for that to end; one that a run holds already is that run's.
FRESH = """
SELECT h.id, h.size_bytes FROM handoffs_handoff h
WHERE h.source_id = %(source)s AND h.status = 'pending'
  AND NOT EXISTS (SELECT FROM handoffs_handoff w
                  WHERE w.reference_id = h.reference_id AND w.status IN ('queued', 'ingesting'))
  AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.handoff_id = h.id
                  AND r.status IN ('pending', 'running', 'retry_wait', 'in_review'))
ORDER BY h.priority, h.id LIMIT %(most)s FOR UPDATE OF h SKIP LOCKED
"""
FLIGHT = """
INSERT INTO ingestion_flight (source_id, status, reason, stage, fence, worker, lease_until, runs_aboard, size_bytes)
VALUES (%(source)s, 'open', 'admitted', %(stage)s, 0, '', now() + %(lease)s * interval '1 s', %(runs)s, %(bytes)s)
RETURNING id
"""
# The same key gives the same run: a handoff opened once is run once.
RUNS = """
INSERT INTO ingestion_ingestrun (handoff_id, reflection_id, source_id, idempotency_key, priority, status, reason, stage,
                                 flight_id, attempts, deliveries, crashes, failure, detail)
SELECT h.id, %(reflection)s, h.source_id, h.reference_id || ':' || h.payload_id || ':' || h.opened, h.priority,
       'running', 'admitted', 'fetch', %(flight)s, 0, 1, 0, '', ''
FROM handoffs_handoff h WHERE h.id = ANY(%(handoffs)s) ORDER BY h.id
ON CONFLICT (idempotency_key) DO NOTHING
"""


@dataclass(frozen=True)
class Source:
    id: int
    reflection_id: int
    flying: int
    waiting: int


def tick() -> int:
    """Open the flights that there is room for and ring for each; return how many. One process at a time decides."""
    opened = []
    while flight := _admit():
        reached("dispatch.after_commit")
        opened.append(flight)
        ring(*flight)
    return len(opened)


def _admit() -> tuple[int, str] | None:
    """Open one flight in a transaction of its own; None when there is no room or no work, or another one dispatches."""
    with transaction.atomic(durable=True):
        [(alone,)] = statements.rows("SELECT pg_try_advisory_xact_lock(%s)", [DISPATCH_LOCK])
        if not alone:
            return None
        most = settings.FLIGHT_RUNS * settings.OPEN_FLIGHTS
        sources = [Source(*row) for row in statements.rows(SOURCES, {"most": most})]
        room = settings.OPEN_FLIGHTS - sum(source.flying for source in sources)
        if room <= 0:
            return None
        for source in sources:
            if source.waiting and (flight := _fill(source, room)):
                reached("dispatch.before_commit")
                return flight
    return None


def _fill(source: Source, room: int) -> tuple[int, str] | None:
    """Put the source's next work on a flight: no more than its share of the room, so that every worker has some."""
    most = min(settings.FLIGHT_RUNS, max(1, -(-source.waiting // room)))
    due = statements.rows(DUE, {"source": source.id, "most": most})
    due = [
        (run, handoff, stage, size) for (run, handoff, stage, size), fits in zip(due, _fits(due), strict=True) if fits
    ]
    used = sum(size for *_, size in due)
    fresh = statements.rows(FRESH, {"source": source.id, "most": most - len(due)})
    fresh = [(handoff, size) for (handoff, size), fits in zip(fresh, _fits(fresh, used), strict=True) if fits]
    if not due and not fresh:
        return None
    stages = {stage for _, _, stage, _ in due} | ({ORDER[0]} if fresh else set())
    first = min(stages, key=ORDER.index)
    [(flight_id,)] = statements.rows(
        FLIGHT,
        {
            "source": source.id,
            "stage": first,
            "lease": settings.LEASE_S,
            "runs": len(due) + len(fresh),
            "bytes": used + sum(size for _, size in fresh),
        },
    )
    _board(source, flight_id, [run for run, *_ in due], [handoff for _, handoff, *_ in due], [h for h, _ in fresh])
    return flight_id, first


def _board(source: Source, flight_id: int, runs: list[int], handoffs: list[int], fresh: list[int]) -> None:
    steps = []
    if fresh:
        statements.run(RUNS, {"reflection": source.reflection_id, "flight": flight_id, "handoffs": fresh})
    if runs:
        steps.append(
            RUN.step(
                IngestRun.objects.filter(pk__in=runs),
                was={"pending", "retry_wait"},
                to="running",
                reason=Reason.ADMITTED,
                by=BY,
                flight=flight_id,
                next_attempt_at=None,
            )
        )
    waiting = Handoff.objects.filter(pk__in=[*handoffs, *fresh])
    steps.append(HANDOFF.step(waiting, was={"pending"}, to="queued", reason=Reason.ADMITTED, by=BY))
    take(*steps)


def _fits(rows: Sequence[tuple[int, ...]], used: int = 0) -> list[bool]:
    """Which rows go while the flight's bytes last; a first one goes whatever its size."""
    fits = []
    for *_, size in rows:
        fits.append(used == 0 or used + size <= settings.FLIGHT_BYTES)
        used += size if fits[-1] else 0
    return fits
