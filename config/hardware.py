"""What of the machine this process may use: its CPUs and its memory, as far as a container lets it."""

import os
from collections.abc import Iterator
from pathlib import Path

WORKERS_MAX = 8
FOR_WORKERS = 0.75  # of the memory; the rest is for the servers, the console, and the system
CGROUPS, OWN_CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cpus() -> int:
    """How many CPUs' worth of time this process may use: those that it may run on, or its group's quota."""
    return max(1, min([len(os.sched_getaffinity(0)), *(int(quota) for quota in _quotas())]))


def usable_bytes() -> int:
    """The machine's memory, or what this process's group may have of it."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *(int(limit) for limit in _told("memory.max", "memory/memory.limit_in_bytes"))])


def workers(worker_bytes: int) -> int:
    """How many processes a worker has that was not told: one for each CPU while their memory is there, at most 8."""
    return max(1, min(usable_cpus(), WORKERS_MAX, int(FOR_WORKERS * usable_bytes()) // worker_bytes))


def _quotas() -> Iterator[float]:
    for told in _told("cpu.max"):
        quota, _, period = told.partition(" ")
        yield int(quota) / int(period)


def _told(name: str, before: str = "") -> Iterator[str]:
    """The limits that the groups of this process have, from its own to the outermost; `before`: cgroups version 1."""
    for file in [*(folder / name for folder in _groups()), *([CGROUPS / before] if before else [])]:
        try:
            told = file.read_text().strip()
        except OSError:  # no such group, or no limits at all
            continue
        if told and not told.startswith("max"):
            yield told


def _groups() -> Iterator[Path]:
    """The folders of the groups that this process is in; in a container the outermost is its own."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:
        lines = []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    folder = CGROUPS / own
    yield folder
    while folder != CGROUPS and CGROUPS in folder.parents:
        folder = folder.parent
        yield folder
