"""A worker's hold on a flight: taken for one stage, compared before every write, given up with the results."""

from dataclasses import dataclass

from django.conf import settings

from ingestion.models import Stage
from ledger import statements

ORDER = tuple(Stage.values)

BOARD = """
UPDATE ingestion_flight f SET worker = %(worker)s, fence = fence + 1, lease_until = now() + %(lease)s * interval '1 s'
FROM handoffs_source s
WHERE f.id = %(flight)s AND f.status = 'open' AND f.stage = %(stage)s AND f.worker = '' AND s.id = f.source_id
RETURNING f.fence, f.source_id, s.reflection_id
"""
LEAVE = """
UPDATE ingestion_flight SET worker = '', stage = %(next)s, lease_until = now() + %(lease)s * interval '1 s'
WHERE id = %(flight)s AND status = 'open' AND fence = %(fence)s
"""
ABOARD = """
SELECT id FROM ingestion_ingestrun WHERE flight_id = %(flight)s AND status = 'running' AND stage = %(stage)s
ORDER BY id FOR UPDATE
"""


@dataclass(frozen=True)
class Boarding:
    flight_id: int
    stage: str
    worker: str
    fence: int
    source_id: int
    reflection_id: int

    @property
    def next(self) -> str:
        """The stage after this one; the last stage has none but itself."""
        return ORDER[min(ORDER.index(self.stage) + 1, len(ORDER) - 1)]


def board(flight_id: int, stage: str, *, worker: str) -> Boarding | None:
    """Take the lease for one stage. None for a message that is late, doubled or forged: leave the flight alone."""
    parameters = {"flight": flight_id, "stage": stage, "worker": worker, "lease": settings.LEASE_S}
    found = statements.rows(BOARD, parameters)
    return Boarding(flight_id, stage, worker, *found[0]) if found else None


def leave(boarding: Boarding) -> bool:
    """Give up the hold and move the flight's pointer; False when the fence is not ours any more. Needs a transaction.

    The flight's row stays locked until the transaction ends: nobody boards before our writes are there.
    """
    parameters = {
        "flight": boarding.flight_id,
        "fence": boarding.fence,
        "next": boarding.next,
        "lease": settings.LEASE_S,
    }
    return statements.run(LEAVE, parameters) == 1


def aboard(boarding: Boarding) -> set[int]:
    """Lock the runs that still stand before this stage, and return their ids."""
    parameters = {"flight": boarding.flight_id, "stage": boarding.stage}
    return {run_id for (run_id,) in statements.rows(ABOARD, parameters)}
