"""Ring the broker's bell: for a flight, the chain of the stages before its runs; for a sync; for the index."""

import structlog
from celery import Signature, chain, signature

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
    _publish(chain(*links), flight=flight_id)


def ring_sync(occurrence_id: int) -> None:
    """Publish the message for an occurrence; as `ring`."""
    link = signature(
        "ingestion.sync",
        args=(occurrence_id,),
        immutable=True,
        queue="sync",
        task_id=f"{occurrence_id}.sync",
        shadow="sync",
        argsrepr=f"occurrence={occurrence_id}",
    )
    _publish(link, occurrence=occurrence_id)


def _publish(message: Signature, **what: int) -> None:
    try:
        message.apply_async(ignore_result=True)
    except Exception as refusal:
        log.warning("the broker does not answer", error=type(refusal).__name__, **what)


def ring_for_index() -> None:
    """Ask a worker to look at the vector index. Asked twice, the second one finds nothing to do."""
    _publish(signature("ingestion.index", immutable=True))
