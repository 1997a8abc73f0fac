"""Bring the ledger up to what a source has now: list, classify in bulk, store what changed, note what is gone."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from handoffs import consent, payloads, sealing
from handoffs.intake import Arrival, receive
from handoffs.models import Handoff, Source, reference_id
from handoffs.tombstones import purged
from ingestion import backlog, deletions
from ingestion.adapters import chosen_traces
from ingestion.connectors import connect
from ingestion.deletions import call_off
from ingestion.dispatch import hold
from ingestion.failing import stop_source
from ingestion.lifecycles import DUE
from ingestion.models import IngestRun
from ingestion.opening import keep_renewed
from ingestion.ports import (
    Checkpoint,
    Cursor,
    Entry,
    Foresight,
    Listed,
    ScopeComplete,
    Signs,
    SourcePort,
    Tombstone,
    Unlisted,
)
from ingestion.waking import wake
from ledger import statements
from ledger.crashpoints import reached
from ledger.failures import Auth, Consent, Failure, Gone, Malformed, RateLimited
from ledger.reasons import Reason

SYNC_LOCK = 7_304_514
LISTED_AT_ONCE = 5_000
TAKEN_AT_ONCE = 250
BYTES_AT_ONCE = 32 * 1024 * 1024
CURSOR_CHARS = 64 * 1024
# The source as a whole needs a person: no further item is asked for, and none is tried until it is resumed.
FOR_A_PERSON = (Auth, Consent)

LISTING = """
CREATE TEMPORARY TABLE IF NOT EXISTS listing
  (page int, external_id text COLLATE "C", signature text, size_bytes bigint, media_type text, firm boolean);
TRUNCATE listing
"""
# `firm`: an equal signature is proof. One that is not is taken for equal bytes until somebody asks for more.
CHANGED = """
SELECT l.external_id, l.signature, l.size_bytes, l.media_type
FROM listing l LEFT JOIN handoffs_reference r ON r.source_id = %(source)s AND r.external_id = l.external_id
WHERE l.page = %(page)s AND (r.id IS NULL OR r.seen_signature <> l.signature OR r.gone_at IS NOT NULL
                             OR (%(recheck)s AND NOT l.firm))
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
    left_behind: int = 0  # items that could not be read for a cause outside them: they are tried again

    def as_json(self) -> dict[str, Any]:
        """Plain values, by the fields' names."""
        counters = {name: value for name, value in vars(self).items() if isinstance(value, Counter)}
        return vars(self) | {name: {r.value: n for r, n in counter.items()} for name, counter in counters.items()}


def sync(
    source: Source,
    *,
    accept_deletions: bool = False,
    recheck: bool = False,
    progress: Callable[[SyncReport], None] = lambda _: None,
) -> SyncReport:
    """List the source from where it was listed last, and take in what changed.

    Memory does not grow with the number of items. Stopped half-way it has lost nothing: the next sync goes on. Raises
    SyncBusy, or the Failure of a source that cannot be listed, which is also kept in `source.last_error`. Above the
    high-water mark of what waits it pauses and calls `progress` until there is room; Transient if there comes none.
    `recheck` reads also what has an equal signature, where that is no proof.
    """
    report = SyncReport()
    with alone(source), chosen_traces().span("sync", source=source.pk, kind=source.kind) as span:
        try:
            consent.ask(source)
            cursor = Source.objects.values_list("cursor", flat=True).get(pk=source.pk)
            statements.run(LISTING)
            port = connect(source.kind, source.options, sealing.reveal(source.pk))
            walk = _Walk(source, port, report, progress, recheck=recheck, traceparent=span.traceparent)
            walk.go(cursor)
        except Failure as failure:
            _keep(source, failure)
            raise
        walk.end(accept=accept_deletions)
        span.note(**{name: value for name, value in vars(report).items() if isinstance(value, int)})
    progress(report)
    return report


def _keep(source: Source, failure: Failure) -> None:
    """Show why the source cannot be listed; what only a person can mend pauses it."""
    if failure.reason == Reason.VISIT_OVER:  # nothing is wrong: the rest is for the next sync
        return
    with transaction.atomic(durable=True):
        Source.objects.filter(pk=source.pk).update(last_error=str(failure)[:200])
        if isinstance(failure, FOR_A_PERSON):
            stop_source(source.pk, failure, by=f"sync:{source.pk}")
        if isinstance(failure, RateLimited):
            hold(source.pk, failure.retry_after.total_seconds())


@contextmanager
def alone(source: Source) -> Iterator[None]:
    """Nobody syncs the source meanwhile. Raises SyncBusy when somebody does."""
    [(alone,)] = statements.rows("SELECT pg_try_advisory_lock(%s, %s)", [SYNC_LOCK, source.pk])
    if not alone:
        raise SyncBusy(f"{source} is being synced by another process")
    try:
        yield
    finally:
        statements.rows("SELECT pg_advisory_unlock(%s, %s)", [SYNC_LOCK, source.pk])


class _Walk:
    """One way through a listing, page by page: what changed is taken in, and the cursor follows what was taken."""

    def __init__(
        self,
        source: Source,
        port: SourcePort,
        report: SyncReport,
        progress: Callable[[SyncReport], None],
        *,
        recheck: bool,
        traceparent: str,
    ) -> None:
        self.source, self.port, self.report, self.progress, self.recheck = source, port, report, progress, recheck
        self.traceparent = traceparent
        self.room = 0
        self.scopes: list[ScopeComplete] = []
        self.tombstones: list[str] = []
        self.said_once = False  # something that counts at the end alone, and is to be listed until then
        self.cursor: Cursor | None = None  # reached, but not kept yet

    def go(self, cursor: Cursor) -> None:
        try:
            for number, page in enumerate(_pages(self.port.list(cursor))):
                keep_renewed(self.source, self.port)
                self._page(number, page)
        finally:
            keep_renewed(self.source, self.port)

    def _page(self, number: int, page: Sequence[Entry]) -> None:
        report = self.report
        items = [entry for entry in page if isinstance(entry, Listed)]
        report.listed += len(items)
        report.skipped.update(Reason(entry.reason) for entry in page if isinstance(entry, Unlisted))
        self.scopes += [entry for entry in page if isinstance(entry, ScopeComplete)]
        _note(number, items)
        which = {"source": self.source.pk, "page": number, "recheck": self.recheck}
        changed = statements.rows(CHANGED, which)
        report.unchanged += len(items) - len(changed)
        changed = self._not_purged(changed)
        if isinstance(self.port, Foresight):
            self.port.expect([external_id for external_id, *_ in changed])
        if changed:
            consent.ask(self.source)
        for arrivals in _taken(self.port, (Listed(*row) for row in changed), report):
            if self.room <= 0:
                self.room = backlog.await_room(lambda: self.progress(report))
            _take(self.source, arrivals, report, self.traceparent)
            self.room -= len(arrivals)
            self.progress(report)
        buried = [entry for entry in page if isinstance(entry, Tombstone)]
        self.tombstones += [entry.external_id for entry in buried]
        self.said_once |= bool(self.scopes) or not all(entry.again for entry in buried)
        self.cursor = next((entry.cursor for entry in reversed(page) if isinstance(entry, Checkpoint)), self.cursor)
        if not self.said_once:
            self._keep_cursor()

    def _not_purged(self, changed: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Leave out what an operator had erased: it is not even read."""
        ids = {reference_id(self.source.pk, external_id): external_id for external_id, *_ in changed}
        barred = {ids[found] for found in purged(ids)}
        if barred:
            self.report.skipped[Reason.PURGED] += len(barred)
        return [row for row in changed if row[0] not in barred]

    def end(self, *, accept: bool) -> None:
        """The listing came to its end: believe what is absent, or not, and keep how far it went."""
        report = self.report
        report.complete = bool(self.scopes) and not any(scope.except_below for scope in self.scopes)
        told = deletions.settle(self.source, self.scopes, self.tombstones, accept=accept)
        report.gone, report.held = told.gone, told.held
        if not report.held:
            self._keep_cursor()
        Source.objects.filter(pk=self.source.pk).update(last_error="", synced_at=Now(), deletions_held=report.held)

    def _keep_cursor(self) -> None:
        """Keep how far the listing went, unless something that it covers was left behind: then it is listed again."""
        if self.cursor is None or self.report.left_behind:
            return
        if len(json.dumps(self.cursor)) > CURSOR_CHARS:
            raise ValueError(f"{self.source.kind}: a cursor may have {CURSOR_CHARS} characters")
        Source.objects.filter(pk=self.source.pk).update(cursor=dict(self.cursor))
        reached("cursor.after_commit")
        self.cursor = None


def _pages(listing: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Cut a listing into pages. One that breaks off stands as far as its last checkpoint: that need not come again."""
    page: list[Entry] = []
    try:
        for entry in listing:
            page.append(entry)
            if len(page) == LISTED_AT_ONCE:
                yield page
                page = []
    except Failure:
        if covered := max((n for n, entry in enumerate(page, 1) if isinstance(entry, Checkpoint)), default=0):
            yield page[:covered]
        raise
    if page:
        yield page


def _note(page: int, items: Iterable[Listed]) -> None:
    with connection.cursor() as cursor, cursor.copy("COPY listing FROM STDIN") as copy:
        for item in items:
            firm = item.signs is not Signs.WEAK
            copy.write_row((page, item.external_id, item.signature, item.size_bytes, item.media_type, firm))


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
        content = port.read(item.external_id, limit_bytes=settings.SIZE_LIMIT_BYTES)
        payload_hash = payloads.put(content.data)
    except (*FOR_A_PERSON, RateLimited):
        raise  # it is so of every other item too
    except Gone as failure:
        report.skipped[failure.reason] += 1
        return None
    except Failure as failure:
        report.refused[failure.reason] += 1
        report.left_behind += not isinstance(failure, Malformed)
        signature = item.signature if isinstance(failure, Malformed) else ""
        return Arrival(item.external_id, signature, item.size_bytes, None, item.media_type, failure.reason)
    media_type = content.media_type or item.media_type
    return Arrival(
        item.external_id, item.signature, len(content.data), payload_hash, media_type, metadata=content.metadata
    )


def _take(source: Source, arrivals: list[Arrival], report: SyncReport, traceparent: str) -> None:
    payloads.flush()
    with transaction.atomic(durable=True):
        taken = receive(source, arrivals, traceparent=traceparent)
        payloads.confirm(taken.stored)
        _stop_stale(source)
        reached("sync.before_commit")
    reached("sync.after_commit")
    wake()
    report.skipped.update(Reason.PURGED for _ in taken.barred)
    report.new += taken.new
    report.reopened += taken.reopened
    stored = sum(1 for arrival in arrivals if arrival.payload_hash) - len(taken.barred)
    report.touched += stored - taken.new - taken.reopened


def _stop_stale(source: Source) -> None:
    """A run that waits for its next attempt is not worth one once a newer payload of its reference waits.

    Nor is one that waits for a person: its handoff was superseded when the newer payload came in.
    """
    newer = Handoff.objects.filter(reference=OuterRef("handoff__reference"), status="pending").exclude(
        pk=OuterRef("handoff")
    )
    waiting = IngestRun.objects.filter(Exists(newer), source=source, status__in=DUE)
    reviewed = IngestRun.objects.filter(source=source, status="in_review", handoff__status="superseded")
    stale = dict([*waiting.values_list("pk", "handoff_id"), *reviewed.values_list("pk", "handoff_id")])
    call_off(stale, Reason.NEWER_PAYLOAD, "superseded", by=f"sync:{source.pk}")
