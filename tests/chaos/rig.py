"""A running product in a state folder of its own: servers, worker, dispatcher; and ways to hurt it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from config import embedded

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 5
POINTS = Path("crash-points")


class Rig:
    """Everything is a real process; the folder of crash points says which one dies where."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.points = state_dir / POINTS
        self.points.mkdir(parents=True)
        self.environment = {
            **os.environ,
            "SLUICEGATE_STATE_DIR": str(state_dir),
            "SLUICEGATE_CRASH_POINTS": str(self.points),
            "SLUICEGATE_LEASE_S": str(LEASE_S),
            "SLUICEGATE_LOG_LEVEL": "WARNING",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.log = (state_dir / "rig.log").open("ab")

    def start(self, name: str, *command: str) -> "subprocess.Popen[bytes]":
        self.processes[name] = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )
        return self.processes[name]

    def start_worker(self, name: str = "worker", concurrency: int = 2) -> "subprocess.Popen[bytes]":
        where = ("--queues", "stages,sync", "--hostname", f"{name}@%h", "--concurrency", str(concurrency))
        quiet = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
        return self.start(name, "-m", "celery", "--app", "config", "--quiet", "worker", *where, *quiet)

    def start_dispatcher(self, name: str = "dispatcher") -> "subprocess.Popen[bytes]":
        return self.start(name, "manage.py", "dispatcher")

    def manage(self, *arguments: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ingest(self, folder: Path, reflection: str, *more: str, timeout: float = 120) -> dict[str, Any]:
        where = ("--name", "corpus", "--reflection", reflection)
        done = self.manage("ingest", str(folder), *where, *more, "--json", timeout=timeout)
        assert done.returncode in (0, 1), done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def export(self, reflection: str) -> str:
        done = self.manage("export", "--reflection", reflection)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def order(self, point: str, deed: str) -> None:
        """Have `deed` done by whichever process comes to `point` first."""
        (self.points / point).write_text(deed)

    def obeyed(self, point: str) -> int | None:
        """The process that came to the point, or None so far."""
        taken = next(iter(self.points.glob(f"{point}.taken.*")), None)
        return int(taken.suffix[1:]) if taken else None

    def forget(self) -> None:
        """Drop the orders, and the crashes that were charged to bytes which the next case uses again."""
        for order in self.points.iterdir():
            order.unlink()
        self.query("UPDATE ingestion_ingestrun SET crashes = 0 WHERE crashes > 0 RETURNING id")

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(embedded.addresses(self.state_dir).database_url) as connection:
            return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type]

    def broker(self) -> "redis.Redis":
        return redis.Redis.from_url(embedded.addresses(self.state_dir).redis_client_url)

    def server_pids(self, program: str) -> list[int]:
        """The processes of one embedded server of this folder, oldest first."""
        processes = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return sorted(pid for pid in processes if self._runs(pid, program))

    def _runs(self, pid: int, program: str) -> bool:
        process = Path("/proc", str(pid))
        try:
            is_program = (process / "exe").readlink().name == program
            return is_program and (process / "cwd").readlink().is_relative_to((self.state_dir / "servers").resolve())
        except OSError:
            return False

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        for process in self.processes.values():
            process.wait()
        self.log.close()
        embedded.discard(self.state_dir)


@contextmanager
def rigged(state_dir: Path) -> Iterator[Rig]:
    rig = Rig(state_dir)
    try:
        with embedded.running(state_dir):
            done = rig.manage("migrate", "--verbosity", "0")
            assert done.returncode == 0, done.stderr
            yield rig
            for process in rig.processes.values():
                process.send_signal(signal.SIGCONT)
    finally:
        rig.stop()


def eventually(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Wait for the condition, and return what it gives."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")
