"""Backpressure: above a high-water mark of waiting handoffs, who takes in more pauses until there is room again."""

import time
from collections.abc import Callable

import structlog
from django.conf import settings

from ledger import statements
from ledger.failures import Transient
from ledger.reasons import Reason

log = structlog.get_logger(__name__)

LOW_WATER = 0.8
POLL_S = 0.2
# Counting tens of thousands takes milliseconds: so many may be taken in on one answer.
AT_ONCE = 2000
# So long the backlog may stand still: as long as a few flights take that are slow.
STALL_S = 300.0

# No further than the mark, and from the index alone. What a paused source has waiting does not hold up the others.
WAITING = """
SELECT count(*) FROM (
  SELECT FROM handoffs_source s CROSS JOIN LATERAL (
    SELECT FROM handoffs_handoff h WHERE h.source_id = s.id AND h.status = 'pending' LIMIT %(most)s) its_own
  WHERE NOT s.paused LIMIT %(most)s) waiting
"""


def high() -> bool:
    """Whether as many handoffs wait as may."""
    return _waiting() >= int(settings.BACKLOG)


def await_room(meanwhile: Callable[[], None], *, stall_s: float = STALL_S) -> int:
    """Return how many handoffs may be made before one asks again.

    Below the high-water mark at once; above it, once the backlog is down at four fifths of it. `meanwhile` is called
    again and again, so that a caller that dispatches itself can. Raises Transient when the backlog did not get smaller
    for `stall_s`: no dispatcher or no worker is at work, or this caller keeps the only one busy. Needs to be called
    outside a transaction.
    """
    waiting = _waiting()
    if waiting >= settings.BACKLOG:
        log.info("backlog: waiting for room", waiting=waiting)
        waiting = _wait(waiting, meanwhile, stall_s)
    return max(1, min(AT_ONCE, settings.BACKLOG - waiting))


def _wait(least: int, meanwhile: Callable[[], None], stall_s: float) -> int:
    since = time.monotonic()
    while (waiting := _waiting()) > LOW_WATER * settings.BACKLOG:
        if waiting < least:
            least, since = waiting, time.monotonic()
        elif time.monotonic() - since >= stall_s:
            raise Transient(Reason.BACKLOG, f"{waiting} handoffs wait and none was taken for {stall_s:.0f} s")
        meanwhile()
        time.sleep(POLL_S)
    return waiting


def _waiting() -> int:
    """How many handoffs wait, counted up to the mark."""
    [(waiting,)] = statements.rows(WAITING, {"most": settings.BACKLOG})
    return int(waiting)
