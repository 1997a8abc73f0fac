"""How it gets done: runs in their flights, and when the sources are synced."""

from ingestion.models.approvals import Approval, ApprovalStatus
from ingestion.models.occurrences import Cause, Occurrence, OccurrenceStatus, Overlap, Schedule
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
from ingestion.models.visits import Visit

__all__ = [
    "Approval",
    "ApprovalStatus",
    "Cause",
    "Flight",
    "FlightStatus",
    "IngestRun",
    "IngestRunQuerySet",
    "Memo",
    "Occurrence",
    "OccurrenceStatus",
    "Overlap",
    "Quarantine",
    "QuarantineQuerySet",
    "RetryRule",
    "RunStatus",
    "Schedule",
    "Spending",
    "Stage",
    "StageOutput",
    "Turn",
    "Visit",
]
