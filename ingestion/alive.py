"""Which workers were heard of lately: they say so at the broker, where they are reached and nowhere else.

Nothing rests on it: leases say who holds work. It is what an operator is shown.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
import structlog

from ledger.broker import client

log = structlog.get_logger(__name__)

KEY = "sluicegate:alive"
APART_S = 5.0  # between two words of one process
SILENT_S = 30.0  # who was not heard of for so long is not there
FORGOTTEN_S = 24 * 3600.0
BROKER_S = 0.5

_said_at: dict[str, float] = {}


@dataclass(frozen=True)
class Heard:
    """A worker, and how many seconds ago it spoke."""

    name: str
    ago_s: float

    @property
    def silent(self) -> bool:
        return self.ago_s > SILENT_S


def say(name: str) -> None:
    """Let it be known that this process goes on; called as often as it likes, and never raises."""
    if time.monotonic() - _said_at.get(name, -APART_S) < APART_S:
        return
    _said_at[name] = time.monotonic()
    try:
        now = _now()
        _broker().zadd(KEY, {name: now})
        _broker().zremrangebyscore(KEY, 0, now - FORGOTTEN_S)
    except redis.RedisError as refusal:
        log.debug("the broker does not answer", error=type(refusal).__name__)


def leave(name: str) -> None:
    """Say good-bye: who ended as asked is not missed."""
    try:
        _broker().zrem(KEY, name)
    except redis.RedisError as refusal:
        log.debug("the broker does not answer", error=type(refusal).__name__)


def heard() -> list[Heard]:
    """Return who spoke within a day, by name. Raises redis.RedisError when the broker is away."""
    now = _now()
    found: Any = _broker().zrange(KEY, 0, -1, withscores=True)
    return [Heard(name.decode(), max(0.0, now - at)) for name, at in sorted(found)]


def _now() -> float:
    """The broker's clock, as the hosts' own may differ."""
    told: Any = _broker().time()
    seconds, micros = told
    return float(seconds) + float(micros) / 1e6


@cache
def _broker() -> redis.Redis:
    return client(socket_connect_timeout=BROKER_S, socket_timeout=BROKER_S)
