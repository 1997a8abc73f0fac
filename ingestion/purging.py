"""Purge items: bar them for good, then erase what was stored of them, learned from them and remembered of their texts.

Barring is a short transaction for a thousand items; erasing goes by pages, each a transaction of its own. The sweep
erases what was barred and not yet erased, so that a purge which died half-way comes to its end by itself.
"""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from handoffs import diary, payloads, tombstones
from handoffs.lifecycles import HANDOFF, WAITING
from handoffs.models import Handoff, Payload, Reference, Source
from ingestion.erasing import Purged, erase_page
from ingestion.operating import pause
from ingestion.sync import alone
from ledger import statements
from ledger.crashpoints import reached
from ledger.reasons import Reason
from patches.carriers import drop
from patches.resting import resting_on

MARKED_AT_ONCE = 1_000

# What there is of items, and after a purge, what is left of them.
THERE = """
WITH meant AS MATERIALIZED (SELECT unnest(%(references)s::uuid[]) AS id),
runs AS MATERIALIZED (
  SELECT r.id, r.status, r.batch_id FROM ingestion_ingestrun r
  JOIN handoffs_handoff h ON h.id = r.handoff_id JOIN meant ON meant.id = h.reference_id
),
batches AS MATERIALIZED (
  SELECT b.id, b.status, b.title, EXISTS (
    SELECT FROM patches_referenceversion v JOIN handoffs_reference f ON f.id = v.reference_id
    WHERE v.batch_id = b.id AND f.gone_at IS NULL AND f.id NOT IN (SELECT id FROM meant)
  ) OR EXISTS (
    SELECT FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
    JOIN handoffs_reference f ON f.id = h.reference_id
    WHERE r.batch_id = b.id AND f.gone_at IS NULL AND f.id NOT IN (SELECT id FROM meant)) AS shared
  FROM patches_patchbatch b WHERE b.id IN (
    SELECT v.batch_id FROM patches_referenceversion v JOIN meant ON meant.id = v.reference_id
    UNION SELECT batch_id FROM runs)
),
alone AS MATERIALIZED (SELECT id FROM batches WHERE NOT shared),
stored AS MATERIALIZED (
  SELECT p.payload_hash FROM handoffs_payload p WHERE p.erased_at IS NULL
    AND p.payload_hash IN (SELECT h.payload_id FROM handoffs_handoff h JOIN meant ON meant.id = h.reference_id)
    AND NOT EXISTS (SELECT FROM handoffs_handoff o JOIN handoffs_reference f ON f.id = o.reference_id
                    WHERE o.payload_id = p.payload_hash AND f.gone_at IS NULL AND f.id NOT IN (SELECT id FROM meant))
)
SELECT (SELECT count(*) FROM handoffs_reference f JOIN meant USING (id)
        WHERE f.external_id <> 'purged:' || f.id OR f.metadata <> '{}' OR f.seen_payload_id IS NOT NULL) AS names,
       (SELECT count(*) FROM handoffs_handoff h JOIN meant ON meant.id = h.reference_id
        WHERE h.status IN ('pending', 'held', 'queued', 'ingesting')) AS handoffs_under_way,
       (SELECT count(*) FROM runs
        WHERE status IN ('pending', 'running', 'retry_wait', 'in_review', 'quarantined')) AS runs_under_way,
       (SELECT count(*) FROM ingestion_stageoutput o JOIN runs ON runs.id = o.run_id) AS stage_outputs,
       (SELECT count(*) FROM batches WHERE NOT shared AND (status <> 'purged' OR title <> '')) AS batches,
       (SELECT count(*) FROM patches_patch WHERE batch_id IN (SELECT id FROM alone)) AS patches,
       (SELECT count(*) FROM patches_verdict WHERE batch_id IN (SELECT id FROM alone)) AS verdicts,
       (SELECT count(*) FROM patches_passage WHERE batch_id IN (SELECT id FROM alone)) AS passages,
       (SELECT count(*) FROM patches_assertion WHERE batch_id IN (SELECT id FROM alone)) AS assertions,
       (SELECT count(*) FROM patches_identity WHERE batch_id IN (SELECT id FROM alone)) AS identities,
       (SELECT count(*) FROM patches_referenceversion v JOIN meant ON meant.id = v.reference_id) AS versions,
       (SELECT count(*) FROM patches_carrier c JOIN meant ON meant.id = c.reference_id) AS carriers,
       (SELECT count(*) FROM stored) AS payloads,
       ARRAY(SELECT id FROM alone ORDER BY 1)
"""
UNSAID = """
SELECT count(*) FROM patches_fact f WHERE upper_inf(f.sys) AND f.reflection_id = ANY(%(reflections)s)
  AND NOT EXISTS (SELECT FROM patches_assertion a WHERE a.slot = f.slot AND a.live)
"""


def purge_source(source: Source, *, by: str, reason: str) -> Purged:
    """Purge all items of the source, which is paused and forgets how far it was listed. Raises SyncBusy."""
    bar_source(source, by=by, reason=reason)
    return finish(by=by)


def purge(references: QuerySet[Reference], *, by: str, reason: str) -> Purged:
    """Purge items: none of it is left but an id that bars them, and the events. Raises Transient when a disk refuses.

    Bytes and batches that a live item shares stay. Of a run under way nothing is written any more. Done twice, or after
    it was broken off, it ends the same.
    """
    bar(references, by=by, reason=reason)
    return finish(by=by)


def lift(references: QuerySet[Reference], *, by: str, reason: str) -> int:
    """Let purged items come in again, should their sources have them; return how many. A source is listed anew."""
    with transaction.atomic(durable=True):
        ids = list(references.exclude(erased_at=None).values_list("pk", flat=True))
        lifted = tombstones.lift(ids)
        sources = set(Reference.objects.filter(pk__in=lifted).values_list("source", flat=True))
        Source.objects.filter(pk__in=sources).update(cursor={})
        diary.note(sources, Reason.PURGE_LIFTED, by=by, words=f"{len(lifted)} items: {reason}")
    return len(lifted)


def finish(*, by: str) -> Purged:
    """Erase whatever is barred and not erased yet, page by page."""
    total = Purged()
    while True:
        with transaction.atomic(durable=True):
            done = erase_page(by=by)
            reached("purge.before_commit")
        reached("purge.after_commit")
        if done == Purged():
            return total
        total += done


def bar_source(source: Source, *, by: str, reason: str) -> None:
    """Bar all items of the source, as `bar` does; it is paused. Raises SyncBusy."""
    pause(Source.objects.filter(pk=source.pk), "purged", by=by)
    with alone(source):
        Source.objects.filter(pk=source.pk).update(cursor={}, last_error="", deletions_held=0)
        bar(Reference.objects.filter(source=source), by=by, reason=reason)


def bar(references: QuerySet[Reference], *, by: str, reason: str) -> None:
    """Nothing of the references is begun or taken in from now on; what there is of them the next sweeps erase."""
    for ids in _pages(references):
        with transaction.atomic(durable=True):
            if marked := tombstones.mark(ids):
                drop(marked)
                handoffs = Handoff.objects.filter(reference__in=marked)
                HANDOFF.move(handoffs, was=WAITING, to="cancelled", reason=Reason.PURGED, by=by)
                sources = set(Reference.objects.filter(pk__in=marked).values_list("source", flat=True))
                diary.note(sources, Reason.PURGED, by=by, words=f"{len(marked)} items: {reason}")
            reached("purge.barred.before_commit")
        reached("purge.barred.after_commit")


def _pages(references: QuerySet[Reference]) -> Iterator[list[UUID]]:
    after = UUID(int=0)
    while ids := list(references.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:MARKED_AT_ONCE]):
        yield ids
        after = ids[-1]


def _there(ids: Sequence[UUID]) -> tuple[dict[str, int], list[int]]:
    """How much there is of the items in each table, and the batches that they alone say."""
    with connection.cursor() as cursor:
        cursor.execute(THERE, {"references": list(ids)})
        names = [column.name for column in cursor.description]
        row = cursor.fetchone()
    return dict(zip(names[:-1], row[:-1], strict=True)), row[-1]


def plan(references: QuerySet[Reference]) -> dict[str, int]:
    """What would be erased of the items; what a live item shares is not counted. One page after the other is read."""
    total: dict[str, int] = {}
    for ids in _pages(references):
        found, batches = _there(ids)
        held = resting_on(batches)
        for name, count in {"items": len(ids), **found, "facts_that_nobody_else_says": len(held.alone)}.items():
            total[name] = total.get(name, 0) + count
    return total


def proof(references: QuerySet[Reference]) -> dict[str, int]:
    """What is left of items that were purged, by a query of each table and a look at the disk: zeros."""
    total: dict[str, int] = {}
    for ids in _pages(references.exclude(purged_at=None)):
        found, _ = _there(ids)
        erased = Payload.objects.filter(handoffs__reference__in=ids).exclude(erased_at=None).distinct()
        hashes = erased.values_list("payload_hash", flat=True)
        found["files"] = sum(payloads.store().exists(payloads.path_of(payload_hash)) for payload_hash in hashes)
        for name, count in found.items():
            total[name] = total.get(name, 0) + count
    reflections = Source.objects.filter(references__in=references).values_list("reflection", flat=True).distinct()
    [(unsaid,)] = statements.rows(UNSAID, {"reflections": list(reflections)})
    return total | {"facts_that_nothing_says": unsaid}
