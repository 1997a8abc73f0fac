"""What changes, what the store holds, and who is whom."""

from patches.models.batches import (
    ApplyTransaction,
    BatchLife,
    BatchStatus,
    Carrier,
    Patch,
    PatchBatch,
    ReferenceVersion,
    UncarriedBatch,
    Verdict,
)
from patches.models.gate import GatePolicy, GoldenQuestion
from patches.models.identity import Alias, Identity
from patches.models.knowledge import Assertion, Entity, Fact, Passage, Predicate

__all__ = [
    "Alias",
    "ApplyTransaction",
    "Assertion",
    "BatchLife",
    "BatchStatus",
    "Carrier",
    "Entity",
    "Fact",
    "GatePolicy",
    "GoldenQuestion",
    "Identity",
    "Passage",
    "Patch",
    "PatchBatch",
    "Predicate",
    "ReferenceVersion",
    "UncarriedBatch",
    "Verdict",
]
