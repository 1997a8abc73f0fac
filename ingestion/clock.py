"""Beat, of which several may run: the one that holds a lock calls out the times, the others stand by to take over.

What is called out twice all the same, or too early, makes no second occurrence: see ingestion.firing.
"""

from typing import Any

import structlog
from django.db import DatabaseError, InterfaceError, connections
from django_celery_beat.schedulers import DatabaseScheduler

from ingestion.duty import HELD

log = structlog.get_logger(__name__)

CLOCK_LOCK = 7_304_519
STANDBY_S = 1.0


class Clock(DatabaseScheduler):  # type: ignore[misc]  # published without types
    """django-celery-beat's scheduler, under a lock of a database session that is this process's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.session = connections.create_connection("default")  # Django's own is closed now and then
        self.on_duty: bool | None = None
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        was, self.on_duty = self.on_duty, self._holds()
        if self.on_duty != was:
            log.info("on duty" if self.on_duty else "standing by")
        if not self.on_duty:
            return STANDBY_S
        if not was:
            self._read_anew()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def close(self) -> None:
        super().close()
        self.session.close()

    def _holds(self) -> bool:
        try:
            with self.session.cursor() as cursor:
                cursor.execute(HELD, {"lock": CLOCK_LOCK})
                return bool(cursor.fetchone()[0])
        except (DatabaseError, InterfaceError) as problem:
            if self.on_duty is not False:
                log.warning("the database does not answer", error=type(problem).__name__)
            self.session.close()
            return False

    def _read_anew(self) -> None:
        """While others were on duty the times went on."""
        self._dirty.clear()
        self._initial_read = True
        self._heap = None
        self.old_schedulers = None
