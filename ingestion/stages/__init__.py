"""The stages, in order. Each is a small class: items in, outcomes out; no lease, transaction, retry or ORM in it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Protocol

from ingestion.adapters import chosen_embeddings, chosen_extractor
from ingestion.models import Stage
from ingestion.outcomes import Item, Outcome
from ingestion.stages.apply import Apply
from ingestion.stages.chunk import Chunk
from ingestion.stages.embed import Embed
from ingestion.stages.entity import Entities
from ingestion.stages.evaluate import Evaluate
from ingestion.stages.fact import Facts
from ingestion.stages.fetch import Fetch

ORDER: tuple[str, ...] = tuple(Stage.values)


class StageWork(Protocol):
    """What a flight asks of a stage. `needs` are the stages whose outputs it reads, `memos` those whose memos."""

    name: str
    recipe: str
    needs: tuple[str, ...]
    memos: tuple[str, ...]

    def process(self, items: Sequence[Item]) -> Iterator[Outcome]:
        """Yield one outcome per item. A Failure that it raises concerns all items; anything else is a bug."""
        ...


@cache
def table() -> Mapping[str, StageWork]:
    """Every stage by name, in the order of the chain, with the adapters that the settings name."""
    claims = chosen_extractor()
    stages: list[StageWork] = [
        Fetch(),
        Chunk(),
        Embed(chosen_embeddings()),
        Entities(claims),
        Facts(claims),
        Evaluate(),
        Apply(),
    ]
    return {stage.name: stage for stage in stages}


def recipes() -> dict[str, str]:
    return {name: stage.recipe for name, stage in table().items()}


@cache
def pipeline_recipe() -> str:
    """SHA-256 over every stage's recipe: a changed model, splitter or rule is a changed pipeline."""
    return hashlib.sha256("\n".join(f"{name}={recipe}" for name, recipe in recipes().items()).encode()).hexdigest()


def warm() -> None:
    """Load every model that is local, so that processes forked afterwards share them."""
    table()
    for port in (chosen_embeddings(), chosen_extractor()):
        if hasattr(port, "warm"):
            port.warm()
