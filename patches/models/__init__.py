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
from patches.models.knowledge import Assertion, Entity, Fact, Passage, Predicate

__all__ = [
    "ApplyTransaction",
    "Assertion",
    "BatchLife",
    "BatchStatus",
    "Carrier",
    "Entity",
    "Fact",
    "Passage",
    "Patch",
    "PatchBatch",
    "Predicate",
    "ReferenceVersion",
    "UncarriedBatch",
    "Verdict",
]
