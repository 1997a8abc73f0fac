"""How it gets done: runs in their flights."""

from ingestion.models.runs import (
    Flight,
    FlightStatus,
    IngestRun,
    IngestRunQuerySet,
    Memo,
    Quarantine,
    QuarantineQuerySet,
    RetryRule,
    RunStatus,
    Spending,
    Stage,
    StageOutput,
    Turn,
)

__all__ = [
    "Flight",
    "FlightStatus",
    "IngestRun",
    "IngestRunQuerySet",
    "Memo",
    "Quarantine",
    "QuarantineQuerySet",
    "RetryRule",
    "RunStatus",
    "Spending",
    "Stage",
    "StageOutput",
    "Turn",
]
