"""Programs as children: started again when they die, gone when their parent is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ingestion import supervisor
from ingestion.supervisor import Program, supervise
from tests.conftest import ROOT

SLEEPER = ("sleep", "1000")
PARENT = """
import pathlib
from ingestion.supervisor import Program, supervise
one = Program("one", ("sh", "-c", "echo $$; exec sleep 1000"))
supervise([one], cwd=pathlib.Path("/"), say=lambda _, line: print(line, flush=True))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def end_when(true: Callable[[], bool]) -> Callable[[], None]:
    """What `supervise` may do meanwhile: ask this process to end once the condition holds."""
    began = time.monotonic()

    def look() -> None:
        if true() or time.monotonic() > began + 20:
            os.kill(os.getpid(), signal.SIGTERM)

    return look


def test_what_dies_is_started_again_after_a_delay_that_grows() -> None:
    told: list[tuple[str, str]] = []

    supervise(
        [Program("short", ("sh", "-c", "echo here; exit 3"))],
        cwd=Path("/"),
        say=lambda who, line: told.append((who, line)),
        meanwhile=end_when(lambda: len(told) >= 5),
    )

    assert told[:4] == [
        ("short", "here"),
        ("up", "short ended with status 3; it is started again in 1 s"),
        ("short", "here"),
        ("up", "short ended with status 3; it is started again in 2 s"),
    ]


def test_the_end_leaves_nobody_behind_not_even_who_does_not_listen(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(supervisor, "STOP_S", 0.5)
    before = signal.getsignal(signal.SIGINT)
    deaf = "trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 1000; done"

    supervise(
        [Program("deaf", ("sh", "-c", deaf)), Program("meek", SLEEPER)],
        cwd=Path("/"),
        say=lambda _, __: None,
        logs=tmp_path,
        meanwhile=end_when(lambda: (tmp_path / "deaf.log").read_text() != ""),
    )

    pids = [int(pid) for pid in (tmp_path / "deaf.log").read_text().split()]
    assert len(pids) == 2
    assert all(gone_within(pid, 2) for pid in pids)
    assert signal.getsignal(signal.SIGINT) is before


def test_children_end_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert alive(child)

    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert gone_within(child, 5)
