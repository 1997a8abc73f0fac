"""The sweep: return lost work to the queue. It only re-queues; it never executes a stage."""

from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction

from ingestion.lifecycles import FLIGHT, RUN
from ingestion.models import Flight, IngestRun
from ledger import statements
from ledger.lifecycle import FromNow, take
from ledger.reasons import Reason
from patches.apply import retire

log = structlog.get_logger(__name__)

BY = "sweep"
PAGE = 100

EXPIRED = """
SELECT id, worker FROM ingestion_flight WHERE status = 'open' AND lease_until < now()
ORDER BY lease_until LIMIT %(most)s FOR UPDATE SKIP LOCKED
"""
# Batches that lost a carrier, once nothing of their source is under way that might bring them a new one (a rename),
# or after five minutes.
UNCARRIED = """
SELECT b.reflection_id, array_agg(u.batch_id ORDER BY u.batch_id)
FROM patches_uncarriedbatch u JOIN patches_patchbatch b ON b.id = u.batch_id
WHERE u.since < now() - interval '5 min' OR NOT EXISTS (
  SELECT FROM handoffs_handoff h WHERE h.source_id = b.source_id AND h.status IN ('pending', 'queued', 'ingesting'))
GROUP BY b.reflection_id
"""


@dataclass(frozen=True)
class Swept:
    flights_lost: int = 0
    runs_requeued: int = 0
    batches_looked_at: int = 0


def sweep() -> Swept:
    """Do every repair once. Two sweeps at once do no harm: each takes rows that the other has not locked."""
    lost, requeued = _expired_flights()
    return Swept(lost, requeued, _uncarried_batches())


def _expired_flights() -> tuple[int, int]:
    """Flights whose lease ran out are lost; their runs wait at the stage they stand before."""
    with transaction.atomic(durable=True):
        expired = statements.rows(EXPIRED, {"most": PAGE})
        if not expired:
            return 0, 0
        ids = [flight_id for flight_id, _ in expired]
        worked_on = [flight_id for flight_id, worker in expired if worker]
        aboard = IngestRun.objects.filter(flight__in=ids, status="running")
        crashes = {
            pk: crashes + (1 if flight_id in worked_on else 0)
            for pk, crashes, flight_id in aboard.values_list("pk", "crashes", "flight_id")
        }
        told: dict[str, Any] = {"reason": Reason.LEASE_LOST, "by": BY}
        lost, again = take(
            FLIGHT.step(
                Flight.objects.filter(pk__in=ids), was={"open"}, to="lost", lease_until=None, worker="", **told
            ),
            RUN.step(
                aboard, was={"running"}, to="pending", next_attempt_at=FromNow(), flight=None, crashes=crashes, **told
            ),
        )
    log.warning("flights lost", flights=lost, runs=len(again))
    return len(lost), len(again)


def _uncarried_batches() -> int:
    """Batches that no reference carries any more are withdrawn."""
    looked_at = 0
    for reflection_id, batch_ids in statements.rows(UNCARRIED):
        with transaction.atomic(durable=True):
            retire(reflection_id, batch_ids, by=BY)
        looked_at += len(batch_ids)
    return looked_at
