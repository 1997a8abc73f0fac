"""How long a block takes, and the CPU time that all processes with a part in it spend.

Rates of a shared machine differ from minute to minute with what its neighbours do; CPU time per document differs less.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import broker
from ledger import statements

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass
class Effort:
    """`cpu_s` counts the servers, the worker with its children, and this process; both are 0 until the block ends."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def per_second(self, documents: int) -> float:
        return documents / self.wall_s

    def cpu_ms(self, documents: int) -> float:
        return 1000 * self.cpu_s / documents


@contextmanager
def measured(*processes: int) -> Iterator[Effort]:
    """Measure the block. `processes` work in it beside this one and the two servers; their children count too."""
    leaders = (*processes, _postmaster(), _valkey(), os.getpid())
    effort, began, before = Effort(), time.perf_counter(), _cpu_s(leaders)
    yield effort
    effort.wall_s = time.perf_counter() - began
    effort.cpu_s = _cpu_s(leaders) - before


def waited_ms(processes: Iterable[int]) -> float:
    """How long the processes have been ready to run, and did not (the kernel's sched-stats.txt)."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) for pid in processes) / 1e6


def ran_ms(processes: Iterable[int]) -> float:
    """How long the processes have run, to the nanosecond (the same)."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in processes) / 1e6


def _postmaster() -> int:
    [(backend,)] = statements.rows("SELECT pg_backend_pid()")
    return int(_stat(backend)[1])


def _valkey() -> int:
    with broker.client() as client:
        return int(client.info("server")["process_id"])


def _cpu_s(leaders: tuple[int, ...]) -> float:
    """CPU time of the processes and of their living and waited-for children."""
    stats = {int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    families = set(leaders)
    while grown := {pid for pid, stat in stats.items() if stat and int(stat[1]) in families} - families:
        families |= grown
    return TICK_S * sum(int(ticks) for pid in families for ticks in stats.get(pid, [])[11:15])


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
