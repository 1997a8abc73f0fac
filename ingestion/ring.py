"""Ring the broker's bell: for a flight, the chain of the stages that its runs still have before them; for the index."""

import structlog
from celery import chain, signature

from ingestion.stages import ORDER

log = structlog.get_logger(__name__)


def ring(flight_id: int, stage: str) -> None:
    """Publish the chain from `stage` on. A broker that is away costs a delay: the sweep rings again.

    A message carries the flight's id and nothing else. Task ids can be computed from the ledger: `flight.stage`.
    """
    links = [
        signature(
            f"ingestion.{name}",
            args=(flight_id,),
            immutable=True,
            task_id=f"{flight_id}.{name}",
            shadow=f"stage:{name}",
            argsrepr=f"flight={flight_id}",
        )
        for name in ORDER[ORDER.index(stage) :]
    ]
    try:
        chain(*links).apply_async(ignore_result=True)
    except Exception as refusal:
        log.warning("the broker does not answer", flight=flight_id, error=type(refusal).__name__)


def ring_for_index() -> None:
    """Ask a worker to look at the vector index. Asked twice, the second one finds nothing to do."""
    try:
        signature("ingestion.index", immutable=True).apply_async(ignore_result=True)
    except Exception as refusal:
        log.warning("the broker does not answer", error=type(refusal).__name__)
