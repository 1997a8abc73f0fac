"""A worker for as long as a command needs one, where no worker is at work already."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from uuid import uuid4

import structlog
from celery import current_app
from django.conf import settings

from ingestion.supervisor import die_with_parent

log = structlog.get_logger(__name__)

PING_S = 0.7
STOP_S = 30


class Workforce:
    """One `celery worker` process, started again when it dies."""

    def __init__(self) -> None:
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        self.log: IO[bytes] = (settings.STATE_DIR / "worker.log").open("ab")
        self.process = self._start()

    def look_after(self) -> None:
        """Start the worker again if it is gone."""
        if self.process.poll() is not None:
            log.warning("the worker died and is started again", exit_status=self.process.returncode)
            self.process = self._start()

    def stop(self) -> None:
        """End the worker; what it was at is finished first, or goes back to the queue."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "celery", "--app", "config", "--quiet", "worker"]
        options = ["--queues", "stages,sync", "--concurrency", str(settings.WORKER_CONCURRENCY)]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
        return subprocess.Popen(  # noqa: S603  our own command
            [*command, *options, *quiet, "--hostname", f"{uuid4().hex[:8]}@%h"],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,  # a Ctrl-C is ours to pass on
            preexec_fn=die_with_parent,  # noqa: PLW1509  one system call, no thread runs yet
        )


@contextmanager
def at_work() -> Iterator[Workforce | None]:
    """Have a worker during the block: one that answers already (then None is given), or one of our own."""
    if current_app.control.ping(timeout=PING_S, limit=1):
        yield None
        return
    workforce = Workforce()
    try:
        yield workforce
    finally:
        workforce.stop()
