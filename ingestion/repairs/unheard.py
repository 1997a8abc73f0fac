"""Flights that wait for a worker longer than a lease are rung for again: their message may be lost."""

from django.conf import settings

from ingestion.ring import Departure, ring
from ledger import statements

PAGE = 200

# A second message for the same stage changes nothing: whoever boards first has the flight.
UNHEARD = """
UPDATE ingestion_flight SET lease_until = now() + %(lease)s * interval '1 s'
WHERE id IN (SELECT id FROM ingestion_flight WHERE status = 'open' AND worker = '' AND lease_until < now()
             ORDER BY lease_until LIMIT %(page)s FOR UPDATE SKIP LOCKED)
RETURNING id, stage, source_id, runs_aboard, size_bytes, traceparent
"""

_due: list[Departure] = []


def repair(by: str) -> int:  # noqa: ARG001  no row changes its state, so nobody signs
    _due.extend(Departure(*row) for row in statements.rows(UNHEARD, {"lease": settings.LEASE_S, "page": PAGE}))
    return len(_due)


def ring_due(*, enabled: bool) -> None:
    """Ring for what the last repair found, now that its transaction is over."""
    while _due:
        flight = _due.pop()
        if enabled:
            ring(flight)
