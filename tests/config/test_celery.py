"""A worker whose broker dies under it: a real worker, a real broker, a real SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from kombu import Connection

from config import embedded
from tests.config.servers import at_work
from tests.conftest import ROOT

DEADLINE_S = 60


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def worker(state: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker with two slots on servers of its own; its log is in `state`."""
    embedded.ensure(state, stay=True)
    command = [sys.executable, "-m", "celery", "--app", "tests.config.holding", "worker", "--queues", "stages"]
    options = ["--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "WARNING"]
    environment = os.environ | {"SLUICEGATE_STATE_DIR": str(state), "SLUICEGATE_EMBEDDINGS": "hashing"}
    with (
        (state / "worker.log").open("wb") as log,
        subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        yield process
        (state / "go").touch()
        process.terminate()


def send(state: Path, task: str, *paths: Path) -> None:
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    with Connection(embedded.addresses(state).redis_url, transport_options=options) as broker:
        current_app.send_task(task, args=[str(path) for path in paths], connection=broker, queue="stages")


def test_a_worker_with_a_task_in_hand_and_a_free_slot_outlives_its_broker(state, worker):
    send(state, "tests.hold", state / "started", state / "go")
    until((state / "started").exists)

    [broker] = [pid for pid, name in at_work(state).items() if name == "valkey-server"]
    os.kill(broker, signal.SIGKILL)
    # it noticed, or fell over it
    until(lambda: "onnect" in (state / "worker.log").read_text() or worker.poll() is not None)
    embedded.ensure(state)
    send(state, "tests.touch", state / "touched")

    until(lambda: (state / "touched").exists() or worker.poll() is not None)
    assert worker.poll() is None
    assert (state / "touched").exists()
