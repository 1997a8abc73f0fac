"""What the stages pass along, and what a stage can say of an item."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ingestion.metering import FREE, Usage
from ledger.failures import Failure
from patches.evaluation.judging import Examined
from patches.evaluation.surroundings import Surroundings
from patches.rules import Vocabulary


@dataclass(frozen=True)
class Proposal:
    """A batch as it was proposed: patches as (op, payload) by number, which the gate rejected, and its words."""

    status: str
    digest: str
    patches: tuple[tuple[str, Mapping[str, Any]], ...]
    rejected: frozenset[int] = frozenset()
    vocabulary: Vocabulary = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One run aboard, with what its source says of it (`metadata`) and what the earlier stages left for it.

    `outputs` by stage; `memos` by stage, then text hash, of the passages that have one; `proposal` for apply;
    `examined` and `around` for eval: the batch before the gate, and what surrounds the whole flight.
    """

    run_id: int
    handoff_id: int
    reference_id: UUID
    external_id: str
    media_type: str
    payload_hash: str
    size_bytes: int
    attempts: int = 0
    content_hash: str = ""
    batch_id: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    memos: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    proposal: Proposal | None = None
    examined: Examined | None = None
    around: Surroundings | None = None


@dataclass(frozen=True)
class Done:
    """The stage is done with the item. `memos` are new results by text hash, to be shared with every later run.

    `spent` is what they cost.
    """

    item: Item
    output: Mapping[str, Any] = field(default_factory=dict)
    memos: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None  # what the stage hands to its settlement alone: a draft, a judgement
    spent: Usage = FREE


@dataclass(frozen=True)
class Failed:
    """The stage failed for the item. `memos` is what it did get done, so that the next attempt need not do it again."""

    item: Item
    failure: Failure
    traceback: str = ""
    memos: Mapping[str, Any] = field(default_factory=dict)
    spent: Usage = FREE


Outcome = Done | Failed
