"""Erase what was barred, a page of items at a time: runs, knowledge, outputs, memos, bytes and names."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from handoffs import tombstones
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.lifecycles import ACTIVE, FLIGHT, RUN
from ingestion.models import Flight, IngestRun
from ingestion.operating import UNDER_WAY
from ledger import statements
from ledger.lifecycle import take
from ledger.reasons import Reason
from patches.apply import lock
from patches.purge import erase

PAGE = 100
ENDABLE = ACTIVE | {"quarantined"}

NEXT = """
SELECT s.reflection_id FROM handoffs_reference f JOIN handoffs_source s ON s.id = f.source_id
WHERE f.purged_at IS NOT NULL AND f.erased_at IS NULL ORDER BY f.id LIMIT 1
"""
PAGE_OF = """
SELECT f.id FROM handoffs_reference f JOIN handoffs_source s ON s.id = f.source_id
WHERE f.purged_at IS NOT NULL AND f.erased_at IS NULL AND s.reflection_id = %(reflection)s
ORDER BY f.id LIMIT %(page)s
"""
# Flight before run, as a worker does that settles: it sees its runs gone, or we see what it wrote.
FLIGHTS = """
SELECT id FROM ingestion_flight WHERE status = 'open' AND id IN (
  SELECT r.flight_id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
  WHERE h.reference_id = ANY(%(references)s::uuid[]) AND r.status = 'running')
ORDER BY id FOR UPDATE
"""
RUNS = """
SELECT r.id, r.handoff_id, h.reference_id, CASE WHEN r.status = 'running' THEN r.flight_id END
FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
WHERE h.reference_id = ANY(%(references)s::uuid[]) AND r.status = ANY(%(endable)s) ORDER BY r.id FOR UPDATE OF r
"""
MANNED = """
SELECT DISTINCT flight_id FROM ingestion_ingestrun
WHERE flight_id = ANY(%(flights)s) AND status = 'running' AND id <> ALL(%(runs)s)
"""
# Whoever claims the content of a batch for another item holds a share lock on it: we wait, and see that item.
BATCHES = """
SELECT id FROM patches_patchbatch WHERE status <> 'purged' AND id IN (
  SELECT batch_id FROM patches_referenceversion WHERE reference_id = ANY(%(references)s::uuid[])
  UNION
  SELECT r.batch_id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
  WHERE h.reference_id = ANY(%(references)s::uuid[]))
ORDER BY id FOR UPDATE
"""
# A batch stays as long as an item that is there says it too.
UNSHARED = """
SELECT b FROM unnest(%(batches)s::bigint[]) b WHERE NOT EXISTS (
  SELECT FROM patches_referenceversion v JOIN handoffs_reference f ON f.id = v.reference_id
  WHERE v.batch_id = b AND f.gone_at IS NULL
) AND NOT EXISTS (
  SELECT FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
  JOIN handoffs_reference f ON f.id = h.reference_id WHERE r.batch_id = b AND f.gone_at IS NULL)
"""
OUTPUTS = """
WITH mine AS MATERIALIZED (
  SELECT r.id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
  WHERE h.reference_id = ANY(%(references)s::uuid[])
),
silenced AS (
  UPDATE ingestion_ingestrun r SET detail = '' FROM mine WHERE r.id = mine.id AND r.detail <> ''
),
gone AS (
  DELETE FROM ingestion_stageoutput o USING mine WHERE o.run_id = mine.id RETURNING o.stage, o.data
)
SELECT (SELECT count(*) FROM gone),
       ARRAY(SELECT DISTINCT span ->> 2 FROM gone, jsonb_array_elements(data -> 'spans') span WHERE stage = 'chunk'),
       ARRAY(SELECT DISTINCT h.payload_id FROM handoffs_handoff h WHERE h.reference_id = ANY(%(references)s::uuid[])
             ORDER BY 1)
"""
# What others under way have read of the same text is left to them: they do not ask the models twice.
MEMOS = """
DELETE FROM ingestion_memo WHERE text_hash = ANY(%(texts)s) AND text_hash NOT IN (
  SELECT span ->> 2 FROM ingestion_ingestrun r JOIN ingestion_stageoutput o ON o.run_id = r.id AND o.stage = 'chunk'
  CROSS JOIN LATERAL jsonb_array_elements(o.data -> 'spans') span WHERE r.status = ANY(%(endable)s))
"""


@dataclass(frozen=True)
class Purged:
    """How much was erased. `late`: items that a worker took up at that moment; the next page has them."""

    references: int = 0
    runs_ended: int = 0
    batches: int = 0
    batches_shared: int = 0
    passages: int = 0
    assertions: int = 0
    patches: int = 0
    fact_versions: int = 0
    entities: int = 0
    stage_outputs: int = 0
    memos: int = 0
    payloads: int = 0
    payloads_shared: int = 0
    late: int = 0

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Purged)))


def erase_page(*, by: str) -> Purged:
    """Erase one page of what is barred; none if it is all erased. A constant number of statements.

    Needs a transaction. Takes the reflection's lock, then flights, batches, references and runs, as apply does.
    """
    found = statements.rows(NEXT)
    if not found:
        return Purged()
    reflection_id = found[0][0]
    lock(reflection_id)
    ids = [row[0] for row in statements.rows(PAGE_OF, {"reflection": reflection_id, "page": PAGE})]
    ids, ended = _end_runs(ids, by=by)
    which = {"references": ids}
    batches = [row[0] for row in statements.rows(BATCHES, which)]
    unshared = [row[0] for row in statements.rows(UNSHARED, {"batches": batches})]
    erased = erase(reflection_id, unshared, ids, by=by)
    [(outputs, read, payloads)] = statements.rows(OUTPUTS, which)
    texts = sorted({*erased.texts, *read})
    memos = statements.run(MEMOS, {"texts": texts, "endable": sorted(ENDABLE)})
    deleted = tombstones.erase_bytes(payloads)
    tombstones.bury(ids)
    return Purged(
        references=len(ids),
        runs_ended=ended.runs_ended,
        batches=len(unshared),
        batches_shared=len(batches) - len(unshared),
        passages=erased.passages,
        assertions=erased.assertions,
        patches=erased.patches,
        fact_versions=erased.fact_versions,
        entities=erased.entities,
        stage_outputs=outputs,
        memos=memos,
        payloads=deleted,
        payloads_shared=len(payloads) - deleted,
        late=ended.late,
    )


def _end_runs(references: Sequence[UUID], *, by: str) -> tuple[list[UUID], Purged]:
    """Take the references' runs off their flights and end them; a flight with nobody else aboard ends too.

    Returns the references that have no run any more: one may have gone aboard while the flights were being locked.
    """
    flights = [row[0] for row in statements.rows(FLIGHTS, {"references": list(references)})]
    found = statements.rows(RUNS, {"references": list(references), "endable": sorted(ENDABLE)})
    late = {reference for _, _, reference, flight in found if flight is not None and flight not in flights}
    here = {run: handoff for run, handoff, reference, _ in found if reference not in late}
    manned = [row[0] for row in statements.rows(MANNED, {"flights": flights, "runs": list(here)})]
    told: dict[str, Any] = {"reason": Reason.PURGED, "by": by}
    runs = IngestRun.objects.filter(pk__in=list(here))
    handoffs = Handoff.objects.filter(pk__in=list(here.values()))
    empty = Flight.objects.filter(pk__in=sorted(set(flights) - set(manned)))
    take(
        RUN.step(runs, was=ENDABLE, to="cancelled", next_attempt_at=None, flight=None, **told),
        HANDOFF.step(handoffs, was=UNDER_WAY, to="cancelled", **told),
        FLIGHT.step(empty, was={"open"}, to="landed", lease_until=None, worker="", **told),
    )
    return [one for one in references if one not in late], Purged(runs_ended=len(here), late=len(late))
