"""Who works on a flight, and how a chain ends early."""

import os
import socket
from functools import cache
from uuid import uuid4

from celery.exceptions import Ignore

from ingestion.flights import advance


def take_on(flight_id: int, stage: str) -> None:
    """Take the flight through the stage; raises Ignore, which ends the chain, when there is nothing left to do."""
    if not advance(flight_id, stage, worker=identity(os.getpid())):
        raise Ignore


@cache
def identity(pid: int) -> str:
    """Unique per process and boot: a recycled pid or host name is another worker."""
    return f"{prefix(os.getppid())}{pid}:{uuid4().hex[:12]}"


def prefix(parent: int) -> str:
    """What the identities of one worker's processes have in common."""
    return f"{socket.gethostname()[:40]}:{parent}:"
