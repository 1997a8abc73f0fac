"""One door a stage, so that Flower shows the stages by name, and those of the syncs. What happens is behind them."""

from celery import shared_task

from ingestion import indexing, workers
from ingestion.workers import take_on


@shared_task(name="ingestion.fetch")
def fetch(flight_id: int) -> None:
    take_on(flight_id, "fetch")


@shared_task(name="ingestion.chunk")
def chunk(flight_id: int) -> None:
    take_on(flight_id, "chunk")


@shared_task(name="ingestion.embed")
def embed(flight_id: int) -> None:
    take_on(flight_id, "embed")


@shared_task(name="ingestion.entity")
def entity(flight_id: int) -> None:
    take_on(flight_id, "entity")


@shared_task(name="ingestion.fact")
def fact(flight_id: int) -> None:
    take_on(flight_id, "fact")


@shared_task(name="ingestion.eval")
def eval_(flight_id: int) -> None:
    take_on(flight_id, "eval")


@shared_task(name="ingestion.apply")
def apply(flight_id: int) -> None:
    take_on(flight_id, "apply")


@shared_task(name="ingestion.index")
def index() -> None:
    indexing.work()


@shared_task(name="ingestion.sync")
def sync(occurrence_id: int) -> None:
    workers.sync(occurrence_id)


@shared_task(name="ingestion.fire")
def fire(source_id: int) -> None:
    workers.fire(source_id)
