"""Keep a lease while work goes on: a thread with a connection of its own says that the worker is alive."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Event, Thread
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from ingestion.boarding import Boarding
from ledger import statements
from ledger.crashpoints import reached

log = structlog.get_logger(__name__)

BEATS_PER_LEASE = 3

BEAT = """
UPDATE ingestion_flight SET lease_until = now() + %(lease)s * interval '1 s'
WHERE id = %(flight)s AND status = 'open' AND fence = %(fence)s AND worker <> ''
"""


def beating(boarding: Boarding) -> AbstractContextManager[Event]:
    """Keep the lease of a flight while one of its stages works."""
    parameters = {"flight": boarding.flight_id, "fence": boarding.fence}
    return renewing(BEAT, lambda: parameters, flight=boarding.flight_id, stage=boarding.stage)


@contextmanager
def renewing(beat: str, parameters: Callable[[], Mapping[str, Any]], **what: object) -> Iterator[Event]:
    """Run the statement three times per lease until the block ends, or until it finds no row: then the event is set.

    The statement is given what `parameters` says at the time, and `lease` in seconds; `what` names it in the log.
    """
    done, lost = Event(), Event()
    thread = Thread(target=_beat, args=(beat, parameters, what, done, lost), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join()


def _beat(
    beat: str, parameters: Callable[[], Mapping[str, Any]], what: Mapping[str, object], done: Event, lost: Event
) -> None:
    try:
        while not done.wait(settings.LEASE_S / BEATS_PER_LEASE):
            reached("heartbeat")
            try:
                if not statements.run(beat, {**parameters(), "lease": settings.LEASE_S}):
                    log.warning("lease lost", **what)
                    lost.set()
                    return
            except (DatabaseError, InterfaceError) as problem:  # it may be back before the lease ends
                log.warning("no heartbeat", error=type(problem).__name__, **what)
                connection.close()
    finally:
        connection.close()
