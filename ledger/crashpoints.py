"""The named points around each commit, where a test may kill, freeze or deceive the process.

Off unless SLUICEGATE_CRASH_POINTS names a folder. A file there called after a point says what is to happen at it, once:
whichever process comes by first takes the file away and does it.
"""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from django.db import OperationalError

_folder: Path | None = None


def watch(folder: Path | None) -> None:
    """Look for deeds in this folder from now on; None for never."""
    global _folder  # noqa: PLW0603  set once, when the process starts
    _folder = folder


def reached(point: str) -> None:
    """Say that the process is at `point`."""
    if _folder is not None:
        _obey(_folder / point)


def _obey(order: Path) -> None:
    taken = order.with_name(f"{order.name}.taken.{os.getpid()}")
    try:
        order.rename(taken)
    except FileNotFoundError:
        return
    DEEDS[taken.read_text().strip()]()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    """Freeze until somebody sends SIGCONT, as a paused virtual machine does."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _time_out() -> None:
    """The commit went through, the answer did not come."""
    raise OperationalError("the connection timed out")


DEEDS: Mapping[str, Callable[[], None]] = {"kill": _kill, "stop": _stop, "time_out": _time_out}
