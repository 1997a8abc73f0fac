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
ENDED = """
SELECT count(*) FILTER (WHERE status NOT IN ('pending', 'queued', 'ingesting')),
       count(*) FILTER (WHERE status IN ('pending', 'queued', 'ingesting')) FROM handoffs_handoff
"""
WORK = "SELECT (SELECT sum(opened) FROM handoffs_handoff), (SELECT count(*) FROM ingestion_ingestrun)"
TWICE = """
SELECT count(*) FROM (
  SELECT became, lag(became) OVER (PARTITION BY row_id ORDER BY id) AS before
  FROM ledger_event WHERE lifecycle = 'batch' AND became IN ('applied', 'superseded', 'reverted')) steps
WHERE became = 'applied' AND before = 'applied'
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


class Corpus:
    """Documents with people and times, some of them equal, some unreadable; they are edited as the work goes on."""

    people = ("Helen Marsh", "Thomas Hallett", "Margaret Ashdown", "Robert Tolland", "Laura Benning")

    def __init__(self, folder: Path, chance: random.Random, count: int) -> None:
        self.folder, self.chance, self.count = folder, chance, count
        folder.mkdir()
        for n in range(count):
            self.write(n)

    def write(self, n: int) -> None:
        name, year = self.chance.choice(self.people), self.chance.randint(1950, 2020)
        title = f"# Log {n % (self.count * 9 // 10)}"
        text = f"{title}\n\n{name} became director of the Marrow Bay Harbour Trust in {year}.\n\n".encode()
        text += b"The tide was high.\n" * self.chance.randint(1, 60)
        part = self.folder / ".part"
        part.write_bytes(text if n % 50 else b"\xff" * self.chance.randint(1, 1000))
        part.rename(self.folder / f"{n:05}.md")

    def edit(self) -> None:
        """Write a third of the documents anew, and take a few away that may come back with the next edit."""
        for n in self.chance.sample(range(self.count), self.count // 3):
            self.write(n)
        for n in self.chance.sample(range(self.count), self.count // 50):
            (self.folder / f"{n:05}.md").unlink(missing_ok=True)


class Watch:
    """How long at most nothing was brought to its end while there was work."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.ended, self.since, self.longest_s = -1, time.monotonic(), 0.0

    def look(self) -> None:
        try:
            [(ended, waiting)] = self.rig.query(ENDED)
        except psycopg.OperationalError:
            return
        if ended != self.ended or not waiting:
            self.longest_s = max(self.longest_s, time.monotonic() - self.since) if waiting else self.longest_s
            self.ended, self.since = ended, time.monotonic()


def drained(rig: Rig) -> bool:
    try:
        return rig.query(LATEST) == [(0,)]
    except psycopg.OperationalError:
        return False


def harm(rig: Rig, corpus: Corpus, chance: random.Random, minutes: float) -> tuple[Monkey, Watch]:
    """Let the monkey at it until the time is up, with a backlog all the while; leave everything running again."""
    monkey, watch = Monkey(rig, chance), Watch(rig)
    for name in ("worker-1", "worker-2", "dispatcher-1", "dispatcher-2"):
        monkey.start(name)
    command = ("manage.py", "ingest", str(corpus.folder), "--name", "corpus", "--json", "--accept-deletions")
    ingest = rig.start("ingest", *command)
    end = act_at = time.monotonic() + minutes * 60
    act_at -= minutes * 60
    while time.monotonic() < end:
        time.sleep(0.2)  # the rhythm of looking
        watch.look()
        if time.monotonic() >= act_at:
            monkey.act()
            act_at = time.monotonic() + chance.uniform(1, 8)
        if ingest.poll() is not None:
            if drained(rig):
                corpus.edit()
                monkey.done["edit documents"] += 1
            ingest = rig.start("ingest", *command)
    ingest.kill()
    ingest.wait()
    del rig.processes["ingest"]
    monkey.supervise()
    return monkey, watch


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
        corpus = Corpus(Path(scratch, "documents"), chance, options.documents)
        with rigged(Path(scratch, "quiet")) as quiet, rigged(Path(scratch, "harmed")) as rig:
            monkey, watch = harm(rig, corpus, chance, options.minutes)
            healed = time.monotonic()
            rig.ingest(corpus.folder, "main", "--accept-deletions", timeout=QUIET_S)
            took_s = time.monotonic() - healed
            outcomes = quiet.ingest(corpus.folder, "main", timeout=3600)["outcomes"]
            for deed, times in sorted(monkey.done.items()):
                sys.stdout.write(f"  {deed.replace('_', ' '):20} {times}\n")
            [(items, runs)] = rig.query(WORK)
            sys.stdout.write(f"{items} handoffs in {runs} runs; a quiet store ends with {outcomes}\n")
            sys.stdout.write(
                f"longest without progress {watch.longest_s:.0f} s; done {took_s:.0f} s after the last harm\n"
            )
            return 0 if judge(rig, quiet.export("main")) else 1


if __name__ == "__main__":
    raise SystemExit(main())
