"""How many processes a worker has by default: what the machine is good for, as far as its container lets it."""

import os
from pathlib import Path

import pytest

from config import hardware

GIB = 1024**3


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process in a group of a group, on a machine of 16 CPUs and 64 GiB."""
    monkeypatch.setattr(hardware, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(hardware, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setattr(os, "sysconf", {"SC_PHYS_PAGES": 64 * GIB // 4096, "SC_PAGE_SIZE": 4096}.__getitem__)
    (tmp_path / "own").write_text("0::/outer/inner\n")
    (tmp_path / "cgroup/outer/inner").mkdir(parents=True)
    return tmp_path / "cgroup"


@pytest.mark.usefixtures("groups")
def test_one_process_for_each_cpu_and_never_more_than_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hardware.workers(GIB) == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert hardware.workers(GIB) == 3


@pytest.mark.parametrize(("worker_bytes", "processes"), [(GIB, 3), (2 * GIB, 1), (64 * GIB, 1)])
def test_no_more_processes_than_three_quarters_of_the_memory_are_good_for(
    groups: Path, worker_bytes: int, processes: int
) -> None:
    (groups / "outer/inner/memory.max").write_text(f"{4 * GIB}\n")
    assert hardware.usable_bytes() == 4 * GIB
    assert hardware.workers(worker_bytes) == processes


def test_the_narrowest_of_the_groups_counts(groups: Path) -> None:
    (groups / "outer/inner/memory.max").write_text("max\n")
    (groups / "outer/memory.max").write_text(f"{8 * GIB}\n")
    (groups / "outer/inner/cpu.max").write_text("max 100000\n")
    (groups / "outer/cpu.max").write_text("250000 100000\n")
    assert (hardware.usable_bytes(), hardware.usable_cpus()) == (8 * GIB, 2)
    (groups / "outer/inner/cpu.max").write_text("50000 100000\n")
    assert hardware.usable_cpus() == 1


def test_a_group_of_the_first_version_counts_too(groups: Path) -> None:
    (groups.parent / "own").write_text("9:memory:/docker/abc\n")
    (groups / "memory").mkdir()
    (groups / "memory/memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    assert hardware.usable_bytes() == 2 * GIB


def test_a_machine_without_groups_is_taken_as_it_is(groups: Path) -> None:
    (groups.parent / "own").unlink()
    assert (hardware.usable_cpus(), hardware.usable_bytes()) == (16, 64 * GIB)
