"""The product's Celery app with two tasks for tests: one that waits for a file, one that makes one."""

import time
from pathlib import Path

from config.celery import app

DEADLINE_S = 120


@app.task(name="tests.hold")
def hold(started: str, until: str) -> None:
    Path(started).touch()
    deadline = time.monotonic() + DEADLINE_S
    while not Path(until).exists() and time.monotonic() < deadline:
        time.sleep(0.05)


@app.task(name="tests.touch")
def touch(path: str) -> None:
    Path(path).touch()
