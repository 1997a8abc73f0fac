"""Bring the ledger up to what a source has now: list, classify in bulk, store what changed, note what is gone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from handoffs import payloads
from handoffs.intake import Arrival, mark_gone, receive
from handoffs.lifecycles import HANDOFF, WAITING
from handoffs.models import Handoff, Source
from ingestion import backlog
from ingestion.connectors import connect
from ingestion.dispatch import hold
from ingestion.failing import stop_source
from ingestion.lifecycles import DUE, RUN
from ingestion.models import IngestRun
from ingestion.ports import Listed, ScopeComplete, SourcePort, Unlisted
from ingestion.waking import wake
from ledger import statements
from ledger.crashpoints import reached
from ledger.failures import Auth, Consent, Failure, Gone, Malformed, RateLimited
from ledger.reasons import Reason
from patches.carriers import drop

log = structlog.get_logger(__name__)

SYNC_LOCK = 7_304_514
LISTED_AT_ONCE = 5_000
TAKEN_AT_ONCE = 250
BYTES_AT_ONCE = 32 * 1024 * 1024
# A sync that would retire more than this waits for a person, as an emptied or unmounted folder would.
GONE_SHARE, GONE_FEW = 0.2, 10
# The source as a whole needs a person: no further item is asked for, and none is tried until it is resumed.
FOR_A_PERSON = (Auth, Consent)

LISTING = """
CREATE TEMPORARY TABLE IF NOT EXISTS listing
  (page int, external_id text COLLATE "C", signature text, size_bytes bigint, media_type text);
TRUNCATE listing
"""
CHANGED = """
SELECT l.external_id, l.signature, l.size_bytes, l.media_type
FROM listing l LEFT JOIN handoffs_reference r ON r.source_id = %(source)s AND r.external_id = l.external_id
WHERE l.page = %(page)s AND (r.id IS NULL OR r.seen_signature <> l.signature OR r.gone_at IS NOT NULL)
"""
ABSENT = """
SELECT r.id FROM handoffs_reference r
WHERE r.source_id = %(source)s AND r.gone_at IS NULL
  AND NOT EXISTS (SELECT FROM listing l WHERE l.external_id = r.external_id COLLATE "C")
  AND NOT r.external_id ^@ ANY (%(except_below)s::text[])
"""


class SyncBusy(Exception):
    """Another process is syncing this source now."""


@dataclass
class SyncReport:
    """What a sync found. `refused` counts by reason the items whose bytes were not taken."""

    listed: int = 0
    unchanged: int = 0
    new: int = 0
    reopened: int = 0
    touched: int = 0
    gone: int = 0
    held: int = 0  # items that are absent, but too many to be believed without a person's word
    refused: Counter[Reason] = field(default_factory=Counter)
    skipped: Counter[Reason] = field(default_factory=Counter)
    complete: bool = False


def sync(
    source: Source, *, accept_deletions: bool = False, progress: Callable[[SyncReport], None] = lambda _: None
) -> SyncReport:
    """List the source and take in what changed since it was last seen.

    Memory does not grow with the number of items. Stopped half-way it has lost nothing: the next sync goes on. Raises
    SyncBusy, or the Failure of a source that cannot be listed, which is also kept in `source.last_error`. Above the
    high-water mark of what waits it pauses and calls `progress` until there is room; Transient if there comes none.
    """
    report = SyncReport()
    with _alone(source):
        try:
            port = connect(source.kind, source.options)
            statements.run(LISTING)
            ended = _walk(source, port, report, progress)
        except Failure as failure:
            _keep(source, failure)
            raise
        if ended is not None:
            report.complete = not ended.except_below
            _retire_absent(source, ended, report, accept=accept_deletions)
            Source.objects.filter(pk=source.pk).update(last_error="", synced_at=_now())
    progress(report)
    return report


def _keep(source: Source, failure: Failure) -> None:
    """Show why the source cannot be listed; what only a person can mend pauses it."""
    with transaction.atomic(durable=True):
        Source.objects.filter(pk=source.pk).update(last_error=str(failure)[:200])
        if isinstance(failure, FOR_A_PERSON):
            stop_source(source.pk, failure, by=f"sync:{source.pk}")
        if isinstance(failure, RateLimited):
            hold(source.pk, failure.retry_after.total_seconds())


@contextmanager
def _alone(source: Source) -> Iterator[None]:
    [(alone,)] = statements.rows("SELECT pg_try_advisory_lock(%s, %s)", [SYNC_LOCK, source.pk])
    if not alone:
        raise SyncBusy(f"{source} is being synced by another process")
    try:
        yield
    finally:
        statements.rows("SELECT pg_advisory_unlock(%s, %s)", [SYNC_LOCK, source.pk])


def _walk(
    source: Source, port: SourcePort, report: SyncReport, progress: Callable[[SyncReport], None]
) -> ScopeComplete | None:
    """Go through the listing page by page; return its end, or None if it broke off without one."""
    ended, room = None, 0
    listing = iter(port.list())
    for number, page in enumerate(iter(lambda: list(islice(listing, LISTED_AT_ONCE)), [])):
        items = [entry for entry in page if isinstance(entry, Listed)]
        report.listed += len(items)
        report.skipped.update(Reason(entry.reason) for entry in page if isinstance(entry, Unlisted))
        ended = next((entry for entry in page if isinstance(entry, ScopeComplete)), ended)
        _note(number, items)
        changed = statements.rows(CHANGED, {"source": source.pk, "page": number})
        report.unchanged += len(items) - len(changed)
        for arrivals in _taken(port, (Listed(i, s, size, media) for i, s, size, media in changed), report):
            if room <= 0:
                room = backlog.await_room(lambda: progress(report))
            _take(source, arrivals, report)
            room -= len(arrivals)
            progress(report)
    return ended


def _note(page: int, items: Iterable[Listed]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY listing FROM STDIN") as copy:
        for item in items:
            copy.write_row((page, item.external_id, item.signature, item.size_bytes, item.media_type))


def _taken(port: SourcePort, items: Iterable[Listed], report: SyncReport) -> Iterator[list[Arrival]]:
    """Read the items and store their bytes, in pages bounded by count and size."""
    page: list[Arrival] = []
    size = 0
    for item in items:
        if arrival := _arrival(port, item, report):
            page.append(arrival)
            size += arrival.size_bytes if arrival.payload_hash else 0
        if len(page) >= TAKEN_AT_ONCE or size >= BYTES_AT_ONCE:
            yield page
            page, size = [], 0
    if page:
        yield page


def _arrival(port: SourcePort, item: Listed, report: SyncReport) -> Arrival | None:
    """Store the item's bytes, or note why not; None for an item that vanished since it was listed.

    What cannot be read for a cause outside the item gets no signature, so that the next sync tries it again.
    """
    try:
        if item.size_bytes > settings.SIZE_LIMIT_BYTES:
            raise Malformed(Reason.TOO_LARGE)
        data = port.read(item.external_id, limit_bytes=settings.SIZE_LIMIT_BYTES)
        payload_hash = payloads.put(data)
    except (*FOR_A_PERSON, RateLimited):
        raise  # it is so of every other item too
    except Gone as failure:
        report.skipped[failure.reason] += 1
        return None
    except Failure as failure:
        report.refused[failure.reason] += 1
        signature = item.signature if isinstance(failure, Malformed) else ""
        return Arrival(item.external_id, signature, item.size_bytes, None, item.media_type, failure.reason)
    return Arrival(item.external_id, item.signature, len(data), payload_hash, item.media_type)


def _take(source: Source, arrivals: list[Arrival], report: SyncReport) -> None:
    payloads.flush()
    with transaction.atomic(durable=True):
        taken = receive(source, arrivals)
        _stop_stale(source)
        reached("sync.before_commit")
    reached("sync.after_commit")
    wake()
    report.new += taken.new
    report.reopened += taken.reopened
    report.touched += sum(1 for arrival in arrivals if arrival.payload_hash) - taken.new - taken.reopened


def _stop_stale(source: Source) -> None:
    """A run that waits for its next attempt is not worth one once a newer payload of its reference waits."""
    newer = Handoff.objects.filter(reference=OuterRef("handoff__reference"), status="pending").exclude(
        pk=OuterRef("handoff")
    )
    waiting = IngestRun.objects.filter(Exists(newer), source=source, status__in=DUE)
    stale = dict(waiting.values_list("pk", "handoff_id"))
    _cancel(stale, Reason.NEWER_PAYLOAD, "superseded", by=f"sync:{source.pk}")


def _cancel(runs: dict[int, int], reason: Reason, handoff_to: str, *, by: str) -> None:
    """End those of the runs that still wait, and their handoffs (run → handoff); one that was dispatched goes on."""
    if not runs:
        return
    told: dict[str, Any] = {"reason": reason, "by": by}
    waiting = IngestRun.objects.filter(pk__in=list(runs))
    ended = RUN.move(waiting, was=DUE, to="cancelled", next_attempt_at=None, **told)
    handoffs = Handoff.objects.filter(pk__in=[runs[run] for run in ended])
    HANDOFF.move(handoffs, was={"ingesting", "queued"}, to=handoff_to, **told)


def _retire_absent(source: Source, ended: ScopeComplete, report: SyncReport, *, accept: bool) -> None:
    """Mark as gone what a complete listing did not name; too many at once wait for a person's word."""
    parameters: dict[str, Any] = {"source": source.pk, "except_below": list(ended.except_below)}
    absent: list[UUID] = [reference for (reference,) in statements.rows(ABSENT, parameters)]
    if not absent:
        return
    known = len(absent) + report.listed
    if not accept and (ended.count == 0 or (len(absent) > GONE_FEW and len(absent) > GONE_SHARE * known)):
        report.held = len(absent)
        log.warning("deletions held", source=source.pk, absent=len(absent), listed=report.listed)
        return
    by = f"sync:{source.pk}"
    with transaction.atomic(durable=True):
        mark_gone(absent)
        drop(absent)
        handoffs = Handoff.objects.filter(reference__in=absent)
        HANDOFF.move(handoffs, was=WAITING, to="cancelled", reason=Reason.VANISHED, by=by)
        runs = IngestRun.objects.filter(handoff__reference__in=absent, status__in=DUE)
        _cancel(dict(runs.values_list("pk", "handoff_id")), Reason.VANISHED, "cancelled", by=by)
        reached("gone.before_commit")
    reached("gone.after_commit")
    report.gone = len(absent)


def _now() -> Any:
    [(now,)] = statements.rows("SELECT now()")
    return now
