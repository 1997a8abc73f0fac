"""The programs of a whole installation on one machine, as command lines."""

import sys
from collections.abc import Iterator

from django.conf import settings

from ingestion.supervisor import Program

HOST = "127.0.0.1"
FLOWER_USER = "operator"
FLOWER_PREFIX = "flower"
FLOWER_TASKS_KEPT = 20_000
PYTHON = (sys.executable, "-m")
CELERY = (*PYTHON, "celery", "--app", "config", "--quiet")


def programs(*, web: bool, flower_password: str | None) -> Iterator[Program]:
    """The programs to run; Flower is among them if it has a password."""
    if web:
        yield _web()
    yield Program("dispatcher", (sys.executable, str(settings.ROOT / "manage.py"), "dispatcher"))
    yield _worker("worker", "stages", settings.WORKER_CONCURRENCY)
    # apart, as a sync may wait until there is room: for what the stages take on
    yield _worker("syncer", "sync", settings.SYNC_CONCURRENCY)
    yield Program("watch", (sys.executable, str(settings.ROOT / "manage.py"), "watch"))
    yield Program("beat", (*CELERY, "beat", "--pidfile=", "--loglevel", "WARNING"))
    if flower_password:
        yield _flower(flower_password)


def _web() -> Program:
    where = ("--bind", f"{HOST}:{settings.WEB_PORT}")
    size = ("--workers", "2", "--threads", "4")
    return Program("console", (*PYTHON, "gunicorn", "config.wsgi", *where, *size, "--log-level", "warning"))


def _worker(name: str, queue: str, processes: int) -> Program:
    size = ("--queues", queue, "--concurrency", str(processes))
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    return Program(name, (*CELERY, "worker", "--hostname", f"{name}@%h", *size, *quiet))


def _flower(password: str) -> Program:
    """Flower to look at: what it could do to tasks would bypass the ledger. What it shows needs the password."""
    options = {
        "address": HOST,
        "port": settings.FLOWER_PORT,
        "url_prefix": FLOWER_PREFIX,
        "conf": settings.ROOT / "config" / "flowerconfig.py",
        "read_only": True,
        "tasks_columns": "name,args,state,received,runtime,worker,uuid",
        "max_tasks": FLOWER_TASKS_KEPT,
        "purge_offline_workers": 60,
        "inspect_timeout": 5000,
        "logging": "warning",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    # in the environment, as arguments can be read by every user of the machine
    return Program("flower", (*CELERY, "flower", *arguments), {"FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{password}"})
