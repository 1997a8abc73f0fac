"""Who is on duty: of several dispatchers one sweeps and dispatches, the others stand by to take over."""

from django.db import connection

from ingestion import dispatch, recovery
from ledger import statements

DUTY_LOCK = 7_304_517


class Duty:
    """One dispatcher's claim to the duty: a lock of its database session, so it is free again when the session ends."""

    def __init__(self) -> None:
        self.held = False

    def do(self) -> bool:
        """Sweep, then dispatch, if the duty is ours or can be had; False when someone else has it.

        Raises OperationalError or InterfaceError when the database is away: then call `lose`.
        """
        if not self.held:
            [(self.held,)] = statements.rows("SELECT pg_try_advisory_lock(%s)", [DUTY_LOCK])
        if self.held:
            recovery.sweep()
            dispatch.tick()
        return self.held

    def lose(self) -> None:
        """Give the session up, and with it the duty: after an error nobody knows what became of either."""
        self.held = False
        connection.close()

    def hand_over(self) -> None:
        """Leave the duty to whoever stands by."""
        if self.held:
            statements.rows("SELECT pg_advisory_unlock(%s)", [DUTY_LOCK])
            self.held = False
