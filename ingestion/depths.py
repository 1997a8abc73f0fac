"""What is in the queue: how much waits, what is in the air, and which of it does not move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from ingestion import connectors
from ledger import statements

# Longer than any fair turn takes while there is room.
STARVED_S = 60

DEPTHS = """
SELECT 'handoff', status, priority, count(*), min(since) FROM handoffs_handoff
WHERE status IN ('pending', 'held', 'queued', 'ingesting') GROUP BY 2, 3
UNION ALL
SELECT 'run', status, priority, count(*), min(since) FROM ingestion_ingestrun
WHERE status IN ('pending', 'retry_wait', 'running', 'in_review', 'quarantined') GROUP BY 2, 3
ORDER BY 1, 2, 3
"""
FLIGHTS = """
SELECT f.id, r.name || '/' || s.name, s.kind, f.stage, f.worker, f.runs_aboard,
       extract(epoch FROM f.lease_until - now())::float, f.created_at,
       CASE WHEN f.worker = '' THEN extract(epoch FROM now() - coalesce(
         (SELECT max(v.ended_at) FROM ingestion_visit v WHERE v.flight_id = f.id), f.created_at))::float END
FROM ingestion_flight f JOIN handoffs_source s ON s.id = f.source_id
JOIN handoffs_reflection r ON r.id = s.reflection_id
WHERE f.status = 'open' AND (%(sources)s::bigint[] IS NULL OR f.source_id = ANY(%(sources)s)) ORDER BY f.id
"""
# Waits for dispatch: what is fresh, and what is due. What waits for its time, or for another run, does not wait for us.
SOURCES = """
SELECT s.id, r.name || '/' || s.name, s.kind, s.paused, s.priority, s.weight,
       w.fresh, w.due, least(w.fresh_since, w.due_since),
       (SELECT count(*) FROM ingestion_flight f WHERE f.source_id = s.id AND f.status = 'open'),
       coalesce(least(w.fresh_since, w.due_since) < now() - %(starved)s * interval '1 s', false)
FROM handoffs_source s JOIN handoffs_reflection r ON r.id = s.reflection_id
CROSS JOIN LATERAL (
  SELECT (SELECT count(*) FROM handoffs_handoff h WHERE h.source_id = s.id AND h.status = 'pending') AS fresh,
         (SELECT min(since) FROM handoffs_handoff h WHERE h.source_id = s.id AND h.status = 'pending') AS fresh_since,
         (SELECT count(*) FROM ingestion_ingestrun i WHERE i.source_id = s.id AND i.status IN ('pending', 'retry_wait')
            AND i.waits_for_id IS NULL AND i.next_attempt_at <= now()) AS due,
         (SELECT min(next_attempt_at) FROM ingestion_ingestrun i WHERE i.source_id = s.id
            AND i.status IN ('pending', 'retry_wait') AND i.waits_for_id IS NULL AND i.next_attempt_at <= now())
            AS due_since) w
WHERE w.fresh + w.due > 0 OR EXISTS (SELECT FROM ingestion_flight f WHERE f.source_id = s.id AND f.status = 'open')
ORDER BY least(w.fresh_since, w.due_since) NULLS LAST, s.id
"""


@dataclass(frozen=True)
class Depth:
    ledger: str
    status: str
    priority: int
    rows: int
    oldest: datetime


@dataclass(frozen=True)
class InTheAir:
    """An open flight; a lease with less than no seconds left is one that the next sweep takes back."""

    flight: int
    source: str
    kind: str
    stage: str
    worker: str
    runs: int
    lease_s: float
    opened: datetime
    waits_s: float | None  # for a worker, since it was ready for its stage; none while a worker has it

    @property
    def stuck(self) -> bool:
        return self.lease_s < 0

    @property
    def starved(self) -> bool:
        """No worker took it for long: they are busy, or not there. Nothing of it is lost or wrong."""
        return self.waits_s is not None and self.waits_s > STARVED_S

    @property
    def silent_s(self) -> float | None:
        """How long its worker has given no heartbeat, as far as this process's lease goes; none without a worker."""
        return max(0.0, settings.LEASE_S - self.lease_s) if self.worker else None


@dataclass(frozen=True)
class Line:
    """A source with work. `starved`: it could go, waits for long, and nothing of it is in the air."""

    id: int
    source: str
    kind: str
    paused: bool
    priority: int
    weight: int
    fresh: int
    due: int
    oldest: datetime | None
    flights: int
    waits_long: bool

    @property
    def starved(self) -> bool:
        return self.waits_long and not self.paused and not self.flights


@dataclass(frozen=True)
class Queue:
    depths: list[Depth]
    flights: list[InTheAir]
    sources: list[Line]
    caps: dict[str, int]

    @property
    def starved(self) -> list[Line]:
        """Sources that wait though nothing of them is wrong: there is no room, or nobody dispatches."""
        return [line for line in self.sources if line.starved]

    @property
    def stuck(self) -> list[InTheAir]:
        """Flights whose worker is silent, or that none took: the sweep returns them."""
        return [flight for flight in self.flights if flight.stuck]


def queue() -> Queue:
    """Look at the queue: three statements."""
    sources = [Line(*row) for row in statements.rows(SOURCES, {"starved": STARVED_S})]
    return Queue(
        [Depth(*row) for row in statements.rows(DEPTHS)],
        in_the_air(),
        sources,
        _caps({line.kind for line in sources}),
    )


def in_the_air(of: Sequence[int] | None = None) -> list[InTheAir]:
    """The open flights of all sources or of these, the oldest first; no more of them than the caps allow."""
    sources = None if of is None else list(of)
    return [InTheAir(*row) for row in statements.rows(FLIGHTS, {"sources": sources})]


def _caps(kinds: set[str]) -> dict[str, Any]:
    """How many flights may be open, in all and for each connector that has a limit of its own."""
    own = {kind: connectors.profile(kind).flights for kind in sorted(kinds)}
    return {"system": settings.OPEN_FLIGHTS} | {kind: limit for kind, limit in own.items() if limit is not None}
