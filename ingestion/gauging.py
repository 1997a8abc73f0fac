"""How much of the machine a piece of work takes: time, CPU time, and the most memory that it had.

A worker's process has one flight at a time, so what the process takes is that flight's; the child that parses hostile
formats works for it, and is counted with it.
"""

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from ingestion.reading.sandbox import SANDBOX

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
FORGET_PEAK = "5"  # proc(5), clear_refs: the peak of the resident memory begins again where it is now
USER_TICKS, SYSTEM_TICKS = 11, 12  # proc(5), stat: counted from what stands behind the program's name


@dataclass(frozen=True)
class Use:
    took_s: float
    cpu_s: float
    peak_bytes: int


class Gauge:
    """Measures from when it is made until it is read; of two in one process the later one moves the earlier's peak."""

    def __init__(self) -> None:
        for process in _processes():
            try:
                (process / "clear_refs").write_text(FORGET_PEAK)
            except OSError:  # then the peak is that of the process's whole life, which is not less
                continue
        self.began, self.cpu = time.monotonic(), _cpu_s()

    def read(self) -> Use:
        """What was taken so far."""
        peak = sum(_peak_bytes(process) for process in _processes())
        return Use(time.monotonic() - self.began, max(0.0, _cpu_s() - self.cpu), peak)


def _processes() -> list[Path]:
    """Where the kernel tells of this process, and of its parser, if there is one."""
    child = SANDBOX.child
    return [PROC / "self", *([PROC / str(child.pid)] if child else [])]


def _cpu_s() -> float:
    """Of this process, of its children that ended, and of the parser that is at work."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_ticks_s, _processes()[1:]))


def _ticks_s(process: Path) -> float:
    try:
        told = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended a moment ago
        return 0.0
    return (int(told[USER_TICKS]) + int(told[SYSTEM_TICKS])) / TICKS_PER_S


def _peak_bytes(process: Path) -> int:
    try:
        told = (process / "status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in told.splitlines() if line.startswith("VmHWM")), 0)
