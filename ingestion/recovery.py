"""The sweep: return lost work to the queue. It only re-queues; it never executes a stage.

It is no task of the queue that it repairs, and needs neither broker nor beat. Each repair is a transaction of its own
under a statement timeout, takes a page of rows that nobody else has locked, and may fail without stopping the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from ingestion import indexing
from ingestion.repairs import consents, crashes, probes, purges, reviews, strays, syncs, unapplied, uncarried, unheard
from ledger import statements
from ledger.crashpoints import reached

log = structlog.get_logger(__name__)

BY = "sweep"
STATEMENT_TIMEOUT_MS = 5_000

# In this order: what a later repair finds may be what an earlier one let go.
REPAIRS: Mapping[str, Callable[[str], int]] = {
    "consents_over": consents.repair,
    "flights_lost": crashes.repair,
    "flights_rung_again": unheard.repair,
    "handoffs_without_a_run": strays.repair,
    "batches_unapplied": unapplied.repair,
    "batches_uncarried": uncarried.repair,
    "probes_ended": probes.repair,
    "reviews_over": reviews.repair,
    "syncs_lost": syncs.lost,
    "syncs_given_up": syncs.give_up,
    "schedules_fired": syncs.fire,
    "syncs_rung": syncs.ring,
    "purges_unfinished": purges.repair,
}


@dataclass(frozen=True)
class Swept:
    """How many rows each repair returned to the queue, and which repairs failed with what error."""

    repaired: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def total(self) -> int:
        return sum(self.repaired.values())


def sweep(*, dry_run: bool = False, by: str = BY) -> Swept:
    """Do every repair once. Two sweeps at once do no harm. With `dry_run` all is rolled back after counting.

    Raises OperationalError or InterfaceError only when the database itself is away.
    """
    repaired: dict[str, int] = {}
    failed: dict[str, str] = {}
    for name, repair in REPAIRS.items():
        try:
            with transaction.atomic(durable=True):
                statements.run(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
                repaired[name] = repair(by)
                reached(f"sweep.{name}.before_commit")
                if dry_run:
                    transaction.set_rollback(True)
            reached(f"sweep.{name}.after_commit")
        except (OperationalError, InterfaceError) as problem:
            if not _answers():
                raise
            failed[name] = type(problem).__name__
        except DatabaseError as problem:  # one bad row; the others are swept all the same
            failed[name] = type(problem).__name__
        if name in failed:
            log.error("a repair failed", repair=name, error=failed[name])
    if any(repaired.values()) and not dry_run:
        log.info("swept", **{name: count for name, count in repaired.items() if count})
    unheard.ring_due(enabled=not dry_run)
    indexing.ring_due(enabled=not dry_run)
    return Swept(repaired, failed)


def _answers() -> bool:
    """Whether the database is there at all: then the error was the statement's own, such as its time limit."""
    try:
        return statements.rows("SELECT 1") == [(1,)]
    except DatabaseError:
        return False
