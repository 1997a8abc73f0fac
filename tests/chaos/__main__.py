"""`make chaos`: minutes of seeded random harm to a running product under a backlog, and then what was lost: nothing."""

import argparse
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg

from config import embedded
from tests.chaos.rig import LEASE_S, Rig, rigged

QUIET_S = 300  # the longest that the backlog may take to drain once nothing is harmed any more
LATEST = "SELECT count(*) FROM handoffs_handoff WHERE status IN ('pending', 'queued', 'ingesting')"
TWICE = """
SELECT count(*) FROM (SELECT row_id FROM ledger_event WHERE lifecycle = 'batch' AND became = 'applied'
                      GROUP BY row_id HAVING count(*) > 1) twice
"""


class Monkey:
    """Does one harmful thing after another; everything that it kills it starts again, as a supervisor would."""

    def __init__(self, rig: Rig, chance: random.Random) -> None:
        self.rig, self.chance = rig, chance
        self.done: Counter[str] = Counter()
        self.acts: list[Callable[[], None]] = [
            self.kill_child,
            self.kill_child,
            self.kill_worker,
            self.kill_dispatcher,
            self.freeze_child,
            self.flush_broker,
            self.kill_broker,
            self.double_messages,
            self.restart_database,
        ]

    def act(self) -> None:
        deed = self.chance.choice(self.acts)
        try:
            deed()
        except (OSError, psycopg.OperationalError, embedded.EmbeddedError) as problem:
            sys.stdout.write(f"  ({deed.__name__} came to nothing: {type(problem).__name__})\n")
        else:
            self.done[deed.__name__] += 1
        self.supervise()

    def supervise(self) -> None:
        for name, process in list(self.rig.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def start(self, name: str) -> None:
        if name.startswith("worker"):
            self.rig.start_worker(name)
        elif name.startswith("dispatcher"):
            self.rig.start_dispatcher(name)

    def children(self) -> list[int]:
        """The processes of all workers that do the work."""
        parents = [process.pid for name, process in self.rig.processes.items() if name.startswith("worker")]
        found = []
        for pid in parents:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found

    def child(self) -> int:
        if children := self.children():
            return self.chance.choice(children)
        raise ProcessLookupError

    def kill_child(self) -> None:
        os.kill(self.child(), signal.SIGKILL)

    def kill_worker(self) -> None:
        name = self.chance.choice([name for name in self.rig.processes if name.startswith("worker")])
        self.rig.processes[name].kill()
        self.rig.processes[name].wait()

    def kill_dispatcher(self) -> None:
        name = self.chance.choice([name for name in self.rig.processes if name.startswith("dispatcher")])
        self.rig.processes[name].kill()
        self.rig.processes[name].wait()

    def freeze_child(self) -> None:
        child = self.child()
        os.kill(child, signal.SIGSTOP)
        time.sleep(LEASE_S + 2)  # the harm itself: silent for longer than the lease
        os.kill(child, signal.SIGCONT)

    def flush_broker(self) -> None:
        self.rig.broker().flushall()

    def kill_broker(self) -> None:
        for pid in self.rig.server_pids("valkey-server"):
            os.kill(pid, signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 3))  # the harm itself: away for a while
        embedded.ensure(self.rig.state_dir)

    def double_messages(self) -> None:
        broker = self.rig.broker()
        for message in broker.lrange("sluicegate:stages", 0, 20):
            broker.lpush("sluicegate:stages", message)

    def restart_database(self) -> None:
        how = self.chance.choice([signal.SIGINT, signal.SIGQUIT])
        postmaster = min(self.rig.server_pids("postgres"))
        os.kill(postmaster, how)
        while Path(f"/proc/{postmaster}").exists():
            time.sleep(0.05)
        embedded.ensure(self.rig.state_dir)


def documents(folder: Path, chance: random.Random, count: int) -> Path:
    """Documents with people and times, some of them equal, some unreadable."""
    people = ("Helen Marsh", "Thomas Hallett", "Margaret Ashdown", "Robert Tolland", "Laura Benning")
    folder.mkdir()
    for n in range(count):
        name, year = chance.choice(people), chance.randint(1950, 2020)
        text = f"# Log {n % (count * 9 // 10)}\n\n{name} became director of the Marrow Bay Harbour Trust in {year}.\n\n"
        data = text.encode() + b"The tide was high.\n" * chance.randint(1, 60) if n % 50 else b"\xff" * (n + 1)
        (folder / f"{n:05}.md").write_bytes(data)
    return folder


def drained(rig: Rig) -> bool:
    return rig.query(LATEST) == [(0,)]


def harm(rig: Rig, folder: Path, chance: random.Random, minutes: float) -> Monkey:
    """Let the monkey at it until the time is up or the backlog done; leave everything running again."""
    monkey = Monkey(rig, chance)
    for name in ("worker-1", "worker-2", "dispatcher-1", "dispatcher-2"):
        monkey.start(name)
    command = ("manage.py", "ingest", str(folder), "--name", "corpus", "--json")
    ingest = rig.start("ingest", *command)
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 3))  # the rhythm of the harm
        monkey.act()
        if ingest.poll() is not None:
            if drained(rig):
                sys.stdout.write("  the backlog is done before the time is up; give it more --documents\n")
                break
            ingest = rig.start("ingest", *command)
    ingest.kill()
    ingest.wait()
    del rig.processes["ingest"]
    monkey.supervise()
    return monkey


def judge(rig: Rig, wanted: str) -> bool:
    """Say what was lost and what was done twice; whether it was nothing."""
    got = rig.export("main")
    lost = len(set(wanted.splitlines()) - set(got.splitlines()))
    extra = len(set(got.splitlines()) - set(wanted.splitlines()))
    [(twice,)] = rig.query(TWICE)
    audit = rig.manage("audit")
    clean = audit.returncode == 0
    said = f"lines lost {lost}, lines too many {extra}, batches applied twice {twice}"
    sys.stdout.write(f"{said}, audit {'clean' if clean else 'NOT CLEAN'}\n")
    if not clean:
        sys.stdout.write(audit.stdout + audit.stderr)
    return clean and not (lost or extra or twice)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--documents", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}: {options.documents} documents, {options.minutes:g} minutes of harm\n")
    chance = random.Random(options.seed)  # noqa: S311  repeatable, not secret
    with tempfile.TemporaryDirectory() as scratch:
        folder = documents(Path(scratch, "documents"), chance, options.documents)
        with rigged(Path(scratch, "quiet")) as rig:
            outcomes = rig.ingest(folder, "main", timeout=3600)["outcomes"]
            wanted = rig.export("main")
        sys.stdout.write(f"undisturbed: {outcomes}\n")
        with rigged(Path(scratch, "harmed")) as rig:
            monkey = harm(rig, folder, chance, options.minutes)
            healed = time.monotonic()
            rig.ingest(folder, "main", timeout=QUIET_S)
            for deed, times in sorted(monkey.done.items()):
                sys.stdout.write(f"  {deed.replace('_', ' '):20} {times}\n")
            sys.stdout.write(f"done {time.monotonic() - healed:.0f} s after the last harm\n")
            return 0 if judge(rig, wanted) else 1


if __name__ == "__main__":
    raise SystemExit(main())
