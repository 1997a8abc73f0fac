"""Who works on a flight, and how a chain ends early."""

import os
import socket
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import current_task
from django.db import connection

from ingestion import firing, occurrences
from ingestion.flights import advance
from ingestion.lifecycles import OCCURRENCE
from ingestion.models import Occurrence
from ingestion.waking import wake
from ledger import statements
from ledger.lifecycle import FromNow
from ledger.reasons import Reason

HOLDER = "SELECT worker FROM ingestion_flight WHERE id = %s AND status = 'open'"
EXPIRE = "UPDATE ingestion_flight SET lease_until = now() WHERE id = %s AND status = 'open' AND worker = %s"
SURRENDER = "UPDATE ingestion_flight SET worker = '', lease_until = now() WHERE status = 'open' AND worker LIKE %s"


def take_on(flight_id: int, stage: str) -> None:
    """Take the flight through the stage; end the chain when there is nothing left to do."""
    if not advance(flight_id, stage, worker=identity(os.getpid())):
        report_if_dead(flight_id)
        wake()  # a flight that ended made room for the next
        current_task.request.chain = None  # raising Ignore would end it too, but show as started for ever


def sync(occurrence_id: int) -> None:
    """Take up the occurrence, and let the dispatcher know: the next one of its source may be due."""
    occurrences.take_up(occurrence_id, worker=identity(os.getpid()))
    wake()


def fire(source_id: int) -> None:
    """A time of the source's schedule has come, as beat says."""
    firing.fire_one(source_id, by="beat")
    wake()


def report_if_dead(flight_id: int) -> None:
    """If a sibling of ours holds the flight and is dead, let its lease end now: the sweep need not wait for it.

    A child that dies has its message handed to a sibling at once, and that one comes here.
    """
    [(holder,)] = statements.rows(HOLDER, [flight_id]) or [("",)]
    if holder.startswith(ours := prefix(os.getppid())):
        pid = holder.removeprefix(ours).partition(":")[0]
        if not Path("/proc", pid).exists():
            statements.run(EXPIRE, [flight_id, holder])


def surrender() -> None:
    """Give back what this worker's processes hold: it is told to end at once, and nobody aboard is to blame."""
    statements.run(SURRENDER, [prefix(os.getpid()) + "%"])
    connection.close()


def give_back_syncs() -> None:
    """Let others take up what this worker's processes sync: it is told to end. They find out at their next page."""
    ours = Occurrence.objects.filter(worker__startswith=prefix(os.getpid()))
    told: dict[str, Any] = {"reason": Reason.INTERRUPTED, "by": prefix(os.getpid())}
    soon: dict[str, Any] = {"next_attempt_at": FromNow(), "rung_at": None}
    OCCURRENCE.move(ours, was={"running"}, to="due", lease_until=None, worker="", **told, **soon)
    connection.close()


@cache
def identity(pid: int) -> str:
    """Unique per process and boot: a recycled pid or host name is another worker."""
    return f"{prefix(os.getppid())}{pid}:{uuid4().hex[:12]}"


def prefix(parent: int) -> str:
    """What the identities of one worker's processes have in common."""
    return f"{socket.gethostname()[:40]}:{parent}:"
