"""The named points, one before and one after each commit, where a test may kill or freeze the process."""

import os
import signal
from collections.abc import Callable

_armed: dict[str, Callable[[], None]] = {}


def arm(point: str, deed: Callable[[], None]) -> None:
    """Have `deed` done when the process reaches `point`; for tests only."""
    _armed[point] = deed


def disarm() -> None:
    _armed.clear()


def reached(point: str) -> None:
    """Say that the process is at `point`; costs a dictionary look-up when nothing is armed."""
    if deed := _armed.get(point):
        deed()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
