"""Who is on duty: of several dispatchers one sweeps and dispatches, the others stand by to take over."""

import time
from dataclasses import dataclass

from django.db import connection

from ingestion import chores, dispatch, recovery
from ledger import statements

DUTY_LOCK = 7_304_517
SWEEP_S = 1.0

# Asked each time, not remembered: a session that was lost and silently replaced has lost its locks too.
HELD = """
SELECT CASE WHEN EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %(lock)s AND granted
                         AND pid = pg_backend_pid())
       THEN true ELSE pg_try_advisory_lock(%(lock)s) END
"""


@dataclass
class Rounds:
    """What is done again and again: sweep and chores when the last ones are SWEEP_S old, a dispatch each time."""

    swept_at: float = float("-inf")

    def take(self) -> None:
        if time.monotonic() - self.swept_at >= SWEEP_S:
            recovery.sweep()
            self.swept_at = time.monotonic()
            dispatch.tick()
            chores.work()
        else:
            dispatch.tick()

    def sweep_next(self) -> None:
        self.swept_at = float("-inf")


def do(rounds: Rounds) -> bool:
    """Take a round if the duty is this session's or can be had; False when someone else has it.

    Raises OperationalError or InterfaceError when the database is away: then call `leave`.
    """
    [(ours,)] = statements.rows(HELD, {"lock": DUTY_LOCK})
    if ours:
        rounds.take()
    return bool(ours)


def hand_over() -> None:
    """Leave the duty to whoever stands by, and keep the session."""
    statements.rows("SELECT pg_advisory_unlock(%s)", [DUTY_LOCK])


def leave() -> None:
    """Give the session up, and the duty with it: after an error nobody knows what became of either."""
    connection.close()
