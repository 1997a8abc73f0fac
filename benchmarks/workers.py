"""A worker process for as long as a measurement needs it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from celery import current_app
from django.conf import settings

READY_S = 60.0
STOP_S = 60.0


@contextmanager
def worker(app: str, *, concurrency: int) -> Iterator[int]:
    """Have a worker of this app, with the flags that the product's own has; gives its process id once it answers."""
    with started(app, concurrency=concurrency) as process:
        deadline = time.monotonic() + READY_S
        while not current_app.control.ping(timeout=0.2, limit=1):
            if time.monotonic() > deadline:
                raise SystemExit(f"no worker within {READY_S:.0f} s: see {settings.STATE_DIR / 'worker.log'}")
        yield process


@contextmanager
def started(app: str, *, concurrency: int) -> Iterator[int]:
    """Start a worker without waiting for it; gives its process id."""
    command = [sys.executable, "-m", "celery", "--app", app, "--quiet", "worker"]
    options = ["--queues", "stages,sync", "--concurrency", str(concurrency), "--hostname", f"{uuid4().hex[:8]}@%h"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    with (settings.STATE_DIR / "worker.log").open("ab") as log:
        process = subprocess.Popen([*command, *options, *quiet], stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
