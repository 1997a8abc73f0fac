"""Syncs: times that beat did not call out, workers that fell silent, messages that were never sent or were lost."""

from collections import defaultdict
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from ingestion import firing
from ingestion.lifecycles import OCCURRENCE
from ingestion.models import Occurrence
from ingestion.policies import rules_of
from ingestion.ring import ring_sync
from ledger import statements
from ledger.lifecycle import FromNow
from ledger.reasons import Reason

PAGE = 200
AGAIN_S = 1.0

# A restart of the database silences every worker: that is no crash of theirs.
SILENT = """
SELECT id, source_id, crashes, started_at > pg_postmaster_start_time() AS died FROM ingestion_occurrence
WHERE status = 'running' AND lease_until < now() ORDER BY lease_until LIMIT %(page)s FOR UPDATE SKIP LOCKED
"""
# Never begun. What was begun goes on, however late.
LATE = """
SELECT o.id FROM ingestion_occurrence o JOIN ingestion_schedule s ON s.source_id = o.source_id
WHERE o.status = 'due' AND o.cause = 'scheduled' AND o.started_at IS NULL
  AND o.next_attempt_at < now() - greatest(s.grace_s, %(on_time)s) * interval '1 s'
ORDER BY o.id LIMIT %(page)s FOR UPDATE OF o SKIP LOCKED
"""
# A second message changes nothing: whoever takes the occurrence up first has it.
UNHEARD = """
UPDATE ingestion_occurrence SET rung_at = now() WHERE id IN (
  SELECT o.id FROM ingestion_occurrence o JOIN handoffs_source s ON s.id = o.source_id
  WHERE o.status = 'due' AND o.next_attempt_at <= now() AND NOT s.paused
    AND (o.rung_at IS NULL OR o.rung_at < now() - %(lease)s * interval '1 s')
    AND NOT EXISTS (SELECT FROM ingestion_occurrence r WHERE r.source_id = o.source_id AND r.status = 'running')
  ORDER BY o.next_attempt_at LIMIT %(page)s FOR UPDATE OF o SKIP LOCKED)
RETURNING id, source_id
"""


def fire(by: str) -> int:
    """Make the occurrences of times that passed a while ago: beat is away, or does not look that far back."""
    return firing.fire(by=by, early_s=-firing.PATIENCE_S)


def give_up(by: str) -> int:
    """Begin nothing that nobody could begin within its grace."""
    late = statements.rows(LATE, {"on_time": firing.ON_TIME.total_seconds(), "page": PAGE})
    if not late:
        return 0
    rows = Occurrence.objects.filter(pk__in=[pk for (pk,) in late])
    return len(OCCURRENCE.move(rows, was={"due"}, to="missed", reason=Reason.TOO_LATE, by=by, next_attempt_at=None))


def lost(by: str) -> int:
    """Let what a silent worker held be taken up again, from the cursor that was kept; too often, and it failed."""
    found = statements.rows(SILENT, {"page": PAGE})
    if not found:
        return 0
    rules = rules_of({source_id for _, source_id, *_ in found})
    crashes = {pk: known + died for pk, _, known, died in found}
    over: dict[bool, list[int]] = defaultdict(list)
    for pk, source_id, known, died in found:
        over[died and known + 1 >= rules[source_id].policy("crash").attempts].append(pk)
    told: dict[str, Any] = {"by": by, "crashes": crashes, "lease_until": None, "worker": ""}
    again: dict[str, Any] = {"next_attempt_at": FromNow(AGAIN_S), "rung_at": None}
    rows = Occurrence.objects.filter(pk__in=over[False])
    OCCURRENCE.move(rows, was={"running"}, to="due", reason=Reason.LEASE_LOST, **told, **again)
    rows = Occurrence.objects.filter(pk__in=over[True])
    OCCURRENCE.move(rows, was={"running"}, to="failed", reason=Reason.CRASHED, failure="crash", **told)
    return len(found)


def ring(by: str) -> int:  # noqa: ARG001  no row changes its state, so nobody signs
    """Send for a worker, and again when none came within a lease; once the transaction is over."""
    due = statements.rows(UNHEARD, {"lease": settings.LEASE_S, "page": PAGE})
    for pk, source_id in due:
        transaction.on_commit(partial(ring_sync, pk, source_id))
    return len(due)
