"""`make chaos`: minutes of seeded random harm to a running product under a backlog, and then what was lost: nothing."""

import argparse
import json
import os
import random
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import psycopg

from config import embedded
from tests.chaos.rig import LEASE_S, Rig, eventually, rigged

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


VAULT = ("--name", "vault", "--connector", "obsidian")
# As a program does it that wants an answer: what was not taken is sent again, by the next one.
HAND_OVER = """
import json
from django.test import Client
items, client = json.load(open({file!r})), Client(SERVER_NAME="localhost")
for n in range(0, len(items), 100):
    asked = json.dumps({{"source": "handed", "items": items[n : n + 100]}})
    given = {{"Authorization": "Bearer {secret}"}}
    answer = client.post("/api/v1/references", asked, content_type="application/json", headers=given)
    assert answer.status_code in (200, 202), answer.status_code
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


class Vault(Corpus):
    """Notes that link to each other, a third of which go by an id wherever they move."""

    def write(self, n: int) -> None:
        super().write(n)
        note = self.folder / f"{n:05}.md"
        head = f"---\nid: note-{n}\ntags: [harbour]\n---\n" if n % 3 == 0 else ""
        part = self.folder / ".part"
        part.write_bytes(head.encode() + f"After [[{max(0, n - 1):05}]].\n\n".encode() + note.read_bytes())
        part.rename(note)

    def edit(self) -> None:
        """As documents are edited; and some notes move to another folder."""
        super().edit()
        (self.folder / "archive").mkdir(exist_ok=True)
        for note in self.chance.sample(sorted(self.folder.glob("*.md")), self.count // 20):
            note.rename(self.folder / "archive" / note.name)


class Handed:
    """Documents that another program hands over through the API, all again until it is told that they are in."""

    def __init__(self, folder: Path, chance: random.Random, count: int) -> None:
        self.file, self.chance, self.count = folder / "handed.json", chance, count
        self.texts: dict[str, str] = {}
        self.secrets: dict[Path, str] = {}
        self.edit()

    def edit(self) -> None:
        for n in self.chance.sample(range(self.count), max(self.count // 3, self.count - len(self.texts))):
            name, year = self.chance.choice(Corpus.people), self.chance.randint(1950, 2020)
            self.texts[f"notice/{n}"] = f"# Notice {n}\n\n{name} joined the Marrow Bay Harbour Trust in {year}.\n"
        items = [{"external_id": name, "media_type": "text/markdown", "text": self.texts[name]} for name in self.texts]
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(items))
        part.rename(self.file)

    def admit(self, rig: Rig) -> None:
        """Have a source and a token for it."""
        made = rig.manage("sources", "add", "handed", "--kind", "pushed")
        assert made.returncode == 0, made.stderr
        token = rig.manage("tokens", "add", "handed", "--scope", "submit", "--json")
        assert token.returncode == 0, token.stderr
        self.secrets[rig.state_dir] = json.loads(token.stdout)["secret"]

    def command(self, rig: Rig) -> tuple[str, ...]:
        script = HAND_OVER.format(file=str(self.file), secret=self.secrets[rig.state_dir])
        return ("manage.py", "shell", "--verbosity", "0", "-c", script)

    def hand_over(self, rig: Rig) -> None:
        """Until all of it is taken."""

        def taken() -> bool:
            done = rig.manage(*self.command(rig)[1:])
            if done.returncode:
                sys.stdout.write(f"  (not handed over: {done.stderr.strip().rpartition(chr(10))[2]})\n")
            return done.returncode == 0

        eventually(taken, within_s=QUIET_S, what="an answer")


class World:
    """Whatever the product is told of: documents, a vault, and what is handed over."""

    def __init__(self, folder: Path, chance: random.Random, count: int) -> None:
        self.corpus = Corpus(folder / "documents", chance, count)
        self.vault = Vault(folder / "vault", chance, max(20, count // 5))
        self.handed = Handed(folder, chance, max(20, count // 5))

    def edit(self) -> None:
        for part in (self.corpus, self.vault, self.handed):
            part.edit()

    def commands(self, rig: Rig) -> list[tuple[str, ...]]:
        told = ("--json", "--accept-deletions")
        return [
            ("manage.py", "ingest", str(self.corpus.folder), "--name", "corpus", *told),
            ("manage.py", "ingest", str(self.vault.folder), *VAULT, *told),
            self.handed.command(rig),
        ]

    def take_in(self, rig: Rig, timeout_s: float) -> dict[str, int]:
        """Have all of it taken in as it is now, to its end; return the outcomes of the documents."""
        self.handed.hand_over(rig)
        rig.ingest(self.vault.folder, "main", *VAULT, "--accept-deletions", timeout=timeout_s)
        found = rig.ingest(self.corpus.folder, "main", "--accept-deletions", timeout=timeout_s)
        eventually(lambda: drained(rig), within_s=timeout_s, what="nothing that waits")
        return dict(found["outcomes"])


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


def harm(rig: Rig, world: World, chance: random.Random, minutes: float) -> tuple[Monkey, Watch]:
    """Let the monkey at it until the time is up, with a backlog all the while; leave everything running again."""
    monkey, watch = Monkey(rig, chance), Watch(rig)
    for name in ("worker-1", "worker-2", "dispatcher-1", "dispatcher-2"):
        monkey.start(name)
    commands = cycle(world.commands(rig))
    ingest = rig.start("ingest", *next(commands))
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
                world.edit()
                monkey.done["edit everything"] += 1
            ingest = rig.start("ingest", *next(commands))
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
        world = World(Path(scratch), chance, options.documents)
        with rigged(Path(scratch, "quiet")) as quiet, rigged(Path(scratch, "harmed")) as rig:
            for each in (quiet, rig):
                world.handed.admit(each)
            monkey, watch = harm(rig, world, chance, options.minutes)
            healed = time.monotonic()
            world.take_in(rig, QUIET_S)
            took_s = time.monotonic() - healed
            quiet.start_worker()
            quiet.start_dispatcher()
            outcomes = world.take_in(quiet, 3600)
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
