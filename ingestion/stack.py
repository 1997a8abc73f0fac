"""The programs of a whole installation on one machine, as command lines."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec

from django.conf import settings

from ingestion.supervisor import Program

HOST = "127.0.0.1"
PYTHON = (sys.executable, "-m")
CELERY = (*PYTHON, "celery", "--app", "config", "--quiet")


def programs(*, web: bool, flower: bool) -> Iterator[Program]:
    """The programs to run; Flower is among them if it is wanted and installed."""
    if web:
        yield _web()
    yield Program("dispatcher", (sys.executable, str(settings.ROOT / "manage.py"), "dispatcher"))
    yield _worker("worker", "stages", settings.WORKER_CONCURRENCY)
    # apart, as a sync may wait until there is room: for what the stages take on
    yield _worker("syncer", "sync", settings.SYNC_CONCURRENCY)
    yield Program("watch", (sys.executable, str(settings.ROOT / "manage.py"), "watch"))
    yield Program("beat", (*CELERY, "beat", "--pidfile=", "--loglevel", "WARNING"))
    if flower and find_spec("flower"):
        yield Program("flower", (*CELERY, "flower", f"--conf={settings.ROOT / 'config' / 'flowerconfig.py'}"))


def _web() -> Program:
    where = ("--bind", f"{HOST}:{settings.WEB_PORT}")
    size = ("--workers", "2", "--threads", "4")
    return Program("console", (*PYTHON, "gunicorn", "config.wsgi", *where, *size, "--log-level", "warning"))


def _worker(name: str, queue: str, processes: int) -> Program:
    size = ("--queues", queue, "--concurrency", str(processes))
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    return Program(name, (*CELERY, "worker", "--hostname", f"{name}@%h", *size, *quiet))
