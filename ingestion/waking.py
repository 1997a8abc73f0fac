"""Wake the dispatcher after a commit that made work or room, so that it need not be its next tick that finds it.

A list at the broker holds at most one token: however many call `wake`, one waiter is woken once, and it may come late.
Nothing rests on it: a token that is lost, or a broker that is away, costs one tick.
"""

import time
from functools import cache

import redis
import structlog

from ledger.broker import client

log = structlog.get_logger(__name__)

TOKEN = "sluicegate:wake"  # noqa: S105  a key's name
APART_S = 0.1  # between two wake-ups; what comes in that time is one
SOON_S = 0.01  # to the broker, no time at all is for ever
CONNECT_S = 0.5
ANSWER_S = 5.0  # a broker that froze, or whose machine is gone, is away; longer than anybody waits

_woken_at = 0.0


def wake() -> None:
    """Say that there is something to dispatch. Call it after the commit, never in a transaction."""
    try:
        with _broker().pipeline() as both:
            both.lpush(TOKEN, 1)
            both.ltrim(TOKEN, 0, 0)
            both.execute()
    except redis.RedisError as refusal:
        log.debug("the dispatcher was not woken", error=type(refusal).__name__)


def wait(timeout_s: float) -> bool:
    """Wait until somebody calls `wake`, or so long; return whether somebody did.

    Not sooner than APART_S after the last time, so that a storm of commits does not become a storm of ticks. For one
    waiter at a time: the dispatcher that is on duty.
    """
    global _woken_at  # noqa: PLW0603  one waiter a process
    until = time.monotonic() + timeout_s
    time.sleep(max(0.0, min(_woken_at + APART_S, until) - time.monotonic()))
    try:
        woken = _broker().blpop([TOKEN], timeout=max(until - time.monotonic(), SOON_S)) is not None
    except redis.RedisError as refusal:
        log.debug("the broker does not answer", error=type(refusal).__name__)
        time.sleep(max(0.0, until - time.monotonic()))
        return False
    if woken:
        _woken_at = time.monotonic()
    return woken


@cache
def _broker() -> redis.Redis:
    return client(socket_connect_timeout=CONNECT_S, socket_timeout=ANSWER_S)
