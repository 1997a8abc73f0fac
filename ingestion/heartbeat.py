"""Keep the lease while a stage works: a thread with a connection of its own says that the worker is alive."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

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


@contextmanager
def beating(boarding: Boarding) -> Iterator[None]:
    """Renew the lease three times per lease until the block ends, or until it is lost: then settling will find out."""
    done = Event()
    thread = Thread(target=_beat, args=(boarding, done), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(boarding: Boarding, done: Event) -> None:
    parameters = {"flight": boarding.flight_id, "fence": boarding.fence, "lease": settings.LEASE_S}
    try:
        while not done.wait(settings.LEASE_S / BEATS_PER_LEASE):
            reached("heartbeat")
            try:
                if not statements.run(BEAT, parameters):
                    log.warning("lease lost", flight=boarding.flight_id, stage=boarding.stage)
                    return
            except (DatabaseError, InterfaceError) as problem:  # it may be back before the lease ends
                log.warning("no heartbeat", flight=boarding.flight_id, error=type(problem).__name__)
                connection.close()
    finally:
        connection.close()
