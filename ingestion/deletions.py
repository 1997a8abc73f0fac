"""What a source has no more: believed, or held until a person says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from handoffs.intake import mark_gone
from handoffs.lifecycles import HANDOFF, WAITING
from handoffs.models import Handoff, Source, reference_id
from ingestion.lifecycles import DUE, RUN
from ingestion.models import IngestRun
from ingestion.ports import ScopeComplete
from ledger import statements
from ledger.crashpoints import reached
from ledger.reasons import Reason
from patches.carriers import drop

log = structlog.get_logger(__name__)

# The table `listing` has what sync was told of.
ABSENT = """
SELECT r.id FROM handoffs_reference r
WHERE r.source_id = %(source)s AND r.gone_at IS NULL AND r.external_id ^@ %(below)s
  AND NOT EXISTS (SELECT FROM listing l WHERE l.external_id = r.external_id COLLATE "C")
  AND NOT r.external_id ^@ ANY (%(except_below)s::text[])
"""
BURIED = """
SELECT r.id FROM handoffs_reference r
WHERE r.id = ANY(%(ids)s::uuid[]) AND r.gone_at IS NULL
  AND NOT EXISTS (SELECT FROM listing l WHERE l.external_id = r.external_id COLLATE "C")
"""
# What the source has under another name is not lost: a folder that was renamed, a mailbox whose UIDs begin anew.
LOST = """
SELECT count(*) FROM handoffs_reference r
WHERE r.id = ANY(%(absent)s::uuid[]) AND NOT EXISTS (
  SELECT FROM handoffs_reference other
  WHERE other.source_id = r.source_id AND other.seen_payload_id = r.seen_payload_id AND other.gone_at IS NULL
    AND NOT other.id = ANY(%(absent)s::uuid[]))
"""
LIVE = "SELECT count(*) FROM handoffs_reference WHERE source_id = %(source)s AND gone_at IS NULL"


@dataclass(frozen=True)
class Settled:
    gone: int = 0
    held: int = 0


def settle(source: Source, scopes: Sequence[ScopeComplete], tombstones: Sequence[str], *, accept: bool) -> Settled:
    """Retire what complete listings did not name and what the source itself calls deleted.

    More of it at once than the settings allow, or all there is, waits for a person's word, as an emptied or unmounted
    folder would; what goes on under another name does not count. What was named in the same listing is there, whatever
    else was said of it.
    """
    absent: set[UUID] = set()
    for scope in scopes:
        which = {"source": source.pk, "below": scope.below, "except_below": list(scope.except_below)}
        absent.update(reference for (reference,) in statements.rows(ABSENT, which))
    if tombstones:
        ids = [reference_id(source.pk, external_id) for external_id in tombstones]
        absent.update(reference for (reference,) in statements.rows(BURIED, {"ids": ids}))
    if not absent:
        return Settled()
    [(live,)] = statements.rows(LIVE, {"source": source.pk})
    [(lost,)] = statements.rows(LOST, {"absent": sorted(absent)})
    if not accept and too_many(lost, live):
        log.warning("deletions held", source=source.pk, absent=len(absent), live=live)
        return Settled(held=len(absent))
    _retire(sorted(absent), by=f"sync:{source.pk}")
    return Settled(gone=len(absent))


def call_off(runs: dict[int, int], reason: Reason, handoff_to: str, *, by: str) -> None:
    """End those of the runs that still wait, and their handoffs (run → handoff); one that was dispatched goes on."""
    if not runs:
        return
    told: dict[str, Any] = {"reason": reason, "by": by}
    waiting = IngestRun.objects.filter(pk__in=list(runs))
    ended = RUN.move(waiting, was=DUE | {"in_review"}, to="cancelled", next_attempt_at=None, **told)
    handoffs = Handoff.objects.filter(pk__in=[runs[run] for run in ended])
    HANDOFF.move(handoffs, was={"ingesting", "queued"}, to=handoff_to, **told)


def too_many(lost: int, live: int) -> bool:
    few, share = settings.DELETIONS_FEW, settings.DELETIONS_SHARE
    return lost == live or (lost > few and lost > share * live)


def _retire(absent: Sequence[UUID], *, by: str) -> None:
    with transaction.atomic(durable=True):
        retire(absent, Reason.VANISHED, by=by)
        reached("gone.before_commit")
    reached("gone.after_commit")


def retire(references: Sequence[UUID], reason: Reason, *, by: str) -> None:
    """End what waits of the references, and have what they taught withdrawn. Needs a transaction."""
    mark_gone(references)
    drop(references)
    handoffs = Handoff.objects.filter(reference__in=references)
    HANDOFF.move(handoffs, was=WAITING, to="cancelled", reason=reason, by=by)
    runs = IngestRun.objects.filter(handoff__reference__in=references, status__in=DUE | {"in_review"})
    call_off(dict(runs.values_list("pk", "handoff_id")), reason, "cancelled", by=by)
