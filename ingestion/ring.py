"""Ring the broker's bell: for a flight, the chain of the stages before its runs; for a sync; for the index."""

from typing import NamedTuple

import structlog
from celery import Signature, chain, signature

from ingestion.stages import ORDER

log = structlog.get_logger(__name__)


class Departure(NamedTuple):
    """A flight that waits before a stage, with what is said of it to who watches."""

    flight_id: int
    stage: str
    source_id: int
    runs: int
    size_bytes: int
    traceparent: str


def task_id(row_id: int, part: str) -> str:
    """The name of the message for a stage of a flight, or for the `sync` of an occurrence: the ledger can tell it."""
    return f"{row_id}.{part}"


def ring(flight: Departure) -> None:
    """Publish the chain from its stage on. A broker that is away costs a delay: the sweep rings again.

    A message carries the flight's id and nothing else; beside it stand, for who watches, its source's id and its size,
    and its place in a trace.
    """
    told = f"flight={flight.flight_id} source={flight.source_id} runs={flight.runs} bytes={flight.size_bytes}"
    links = [
        signature(
            f"ingestion.{name}",
            args=(flight.flight_id,),
            immutable=True,
            task_id=task_id(flight.flight_id, name),
            shadow=f"stage:{name}",
            argsrepr=told,
            headers={"traceparent": flight.traceparent},
        )
        for name in ORDER[ORDER.index(flight.stage) :]
    ]
    _publish(chain(*links), flight=flight.flight_id)


def ring_sync(occurrence_id: int, source_id: int) -> None:
    """Publish the message for an occurrence; as `ring`."""
    link = signature(
        "ingestion.sync",
        args=(occurrence_id,),
        immutable=True,
        queue="sync",
        task_id=task_id(occurrence_id, "sync"),
        shadow="sync",
        argsrepr=f"occurrence={occurrence_id} source={source_id}",
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
