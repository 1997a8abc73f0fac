"""When the index over passages' vectors is built: a sweep sees that it is due, a worker does it between flights."""

import time

import structlog

from ingestion.adapters import chosen_embeddings
from ingestion.ring import ring_for_index
from patches import vectors

log = structlog.get_logger(__name__)

AGAIN_S = 600.0  # a message may be lost, and a build takes its time
_rung_at: list[float] = []


def ring_due(*, enabled: bool) -> None:
    """Ask for a build if one is due, and was not asked for by this process a short while ago."""
    now = time.monotonic()
    if not enabled or (_rung_at and now - _rung_at[-1] < AGAIN_S):
        return
    if vectors.is_due(_dim()):
        _rung_at[:] = [now]
        ring_for_index()


def work() -> None:
    """Build the index if that is still due; another process may have been first."""
    began = time.monotonic()
    if vectors.is_due(_dim()) and vectors.build(_dim()):
        log.info("vector index built", until=vectors.indexed_until(_dim()), seconds=round(time.monotonic() - began, 1))


def _dim() -> int:
    return chosen_embeddings().dim
