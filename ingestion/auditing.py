"""Check every invariant of the ledgers by query: what the constraints cannot say, and what they say already.

Each check is a name that says what was found, and a statement that answers the rows for which it is true. A sound
store has none, at any moment: whatever changes more than one row does so in one transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from handoffs import payloads
from ledger import statements
from ledger.failures import Failure
from patches.identities import misplaced, standing
from patches.slots import out_of_line

SAMPLE = 200
PAGE = 2_000

# The last event of each row names its status. Rows that were made in their status have none.
EVENTS = """
SELECT t.id, t.status, last.became FROM {table} t JOIN LATERAL (
  SELECT e.became FROM ledger_event e WHERE e.lifecycle = '{lifecycle}' AND e.row_id = t.id ORDER BY e.id DESC LIMIT 1
) last ON true WHERE last.became <> t.status"""
LIFECYCLES = {
    "handoff": "handoffs_handoff",
    "run": "ingestion_ingestrun",
    "flight": "ingestion_flight",
    "batch": "patches_patchbatch",
    "occurrence": "ingestion_occurrence",
    "approval": "ingestion_approval",
}

CHECKS: Mapping[str, str] = {
    "run_waits_without_a_time": """
        SELECT id, status FROM ingestion_ingestrun WHERE status IN ('pending', 'retry_wait') AND next_attempt_at IS NULL
    """,
    "run_under_way_without_an_open_flight": """
        SELECT r.id, r.flight_id, f.status AS flight FROM ingestion_ingestrun r
        LEFT JOIN ingestion_flight f ON f.id = r.flight_id
        WHERE r.status = 'running' AND f.status IS DISTINCT FROM 'open'
    """,
    "flight_open_without_a_lease": "SELECT id FROM ingestion_flight WHERE status = 'open' AND lease_until IS NULL",
    # while a worker has it, it may have let off its last run at boarding
    "flight_open_with_nobody_aboard": """
        SELECT f.id, f.stage FROM ingestion_flight f WHERE f.status = 'open' AND f.worker = ''
          AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.flight_id = f.id AND r.status = 'running')
    """,
    "handoff_under_way_without_its_one_run": """
        SELECT h.id, h.status, count(r.id) AS active FROM handoffs_handoff h
        LEFT JOIN ingestion_ingestrun r ON r.handoff_id = h.id
                                       AND r.status IN ('pending', 'running', 'retry_wait', 'in_review')
        WHERE h.status IN ('queued', 'ingesting') GROUP BY h.id HAVING count(r.id) <> 1
    """,
    "run_active_while_its_handoff_has_ended": """
        SELECT r.id, r.status, h.id AS handoff, h.status AS handoff_status FROM ingestion_ingestrun r
        JOIN handoffs_handoff h ON h.id = r.handoff_id
        WHERE r.status IN ('pending', 'running', 'retry_wait', 'in_review')
          AND h.status NOT IN ('pending', 'held', 'queued', 'ingesting')
    """,
    "reference_with_several_handoffs_waiting_or_running": """
        SELECT reference_id, status IN ('pending', 'held') AS waiting, count(*) FROM handoffs_handoff
        WHERE status IN ('pending', 'held', 'queued', 'ingesting') GROUP BY 1, 2 HAVING count(*) > 1
    """,
    "batch_applied_without_an_approving_verdict": """
        SELECT b.id, b.digest FROM patches_patchbatch b WHERE b.status = 'applied' AND (
          b.approved_digest IS DISTINCT FROM b.digest OR NOT EXISTS (
            SELECT FROM patches_verdict v
            WHERE v.batch_id = b.id AND v.digest = b.digest AND v.decision = 'approve'))
    """,
    "batch_applied_that_nothing_carries": """
        SELECT b.id FROM patches_patchbatch b WHERE b.status = 'applied' AND b.source_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM patches_carrier c WHERE c.batch_id = b.id)
          AND NOT EXISTS (SELECT FROM patches_uncarriedbatch u WHERE u.batch_id = b.id)
    """,
    "reference_that_carries_a_batch_not_applied": """
        SELECT c.reference_id, b.id AS batch, b.status
        FROM patches_carrier c JOIN patches_patchbatch b ON b.id = c.batch_id
        WHERE b.status <> 'applied'
    """,
    "reference_that_carries_another_than_the_last_that_stands": """
        SELECT c.reference_id, c.batch_id, last.batch_id AS last FROM patches_carrier c LEFT JOIN LATERAL (
          SELECT v.batch_id FROM patches_referenceversion v JOIN patches_patchbatch b ON b.id = v.batch_id
          WHERE v.reference_id = c.reference_id AND b.status IN ('applied', 'superseded') ORDER BY v.id DESC LIMIT 1
        ) last ON true WHERE last.batch_id IS DISTINCT FROM c.batch_id
    """,
    "reference_gone_that_carries_a_batch": """
        SELECT c.reference_id, c.batch_id FROM patches_carrier c JOIN handoffs_reference f ON f.id = c.reference_id
        WHERE f.gone_at IS NOT NULL
    """,
    "passage_live_otherwise_than_its_batch": """
        SELECT p.id, p.batch_id, p.live, b.status FROM patches_passage p JOIN patches_patchbatch b ON b.id = p.batch_id
        WHERE p.live <> (b.status = 'applied')
    """,
    "assertion_live_otherwise_than_its_batch": """
        SELECT a.id, a.batch_id, a.live, b.status
        FROM patches_assertion a JOIN patches_patchbatch b ON b.id = a.batch_id
        WHERE a.live <> (b.status = 'applied')
    """,
    "identity_live_otherwise_than_its_batch": """
        SELECT i.id, i.batch_id, i.live, b.status FROM patches_identity i JOIN patches_patchbatch b ON b.id = i.batch_id
        WHERE i.live <> (b.status = 'applied')
    """,
    "batch_whose_open_lives_are_not_its_status": """
        SELECT b.id, b.status, count(l.id) AS open_lives FROM patches_patchbatch b
        LEFT JOIN patches_batchlife l ON l.batch_id = b.id AND upper_inf(l.sys)
        GROUP BY b.id HAVING count(l.id) <> (b.status = 'applied')::int
    """,
    "batch_left_as_a_draft": "SELECT id FROM patches_patchbatch WHERE status = 'draft'",
    "duplicate_of_a_run_not_completed": """
        SELECT r.id, o.id AS duplicate_of, o.status FROM ingestion_ingestrun r
        LEFT JOIN ingestion_ingestrun o ON o.id = r.duplicate_of_id
        WHERE r.status = 'duplicate_skipped' AND o.status IS DISTINCT FROM 'completed'
    """,
    "run_in_review_whose_batch_or_handoff_is_not": """
        SELECT r.id, b.status AS batch, h.status AS handoff FROM ingestion_ingestrun r
        JOIN handoffs_handoff h ON h.id = r.handoff_id LEFT JOIN patches_patchbatch b ON b.id = r.batch_id
        WHERE r.status = 'in_review' AND (b.status IS DISTINCT FROM 'in_review' OR h.status <> 'held')
    """,
    "run_in_quarantine_without_a_cause": """
        SELECT r.id, r.stage FROM ingestion_ingestrun r WHERE r.status = 'quarantined'
          AND NOT EXISTS (SELECT FROM ingestion_quarantine q WHERE q.run_id = r.id)
    """,
} | {
    f"{lifecycle}_whose_last_event_is_not_its_status": EVENTS.format(table=table, lifecycle=lifecycle)
    for lifecycle, table in LIFECYCLES.items()
}

RECOMPUTED = (
    "slot_whose_facts_are_not_its_assertions",
    "assertion_that_counts_in_a_slot_not_its_own",
    "entity_that_counts_as_another_than_was_said",
    "payload_missing_or_altered",
)
SLOTS = """
SELECT slot FROM (SELECT slot FROM patches_assertion WHERE live
                  UNION SELECT slot FROM patches_fact WHERE upper_inf(sys)) s
WHERE %(after)s::uuid IS NULL OR slot > %(after)s::uuid ORDER BY slot LIMIT %(page)s
"""
BATCHES = """
SELECT b.id FROM patches_patchbatch b WHERE b.id > %(after)s
  AND EXISTS (SELECT FROM patches_assertion a WHERE a.batch_id = b.id) ORDER BY b.id LIMIT %(page)s
"""
NAMED = """
SELECT entity_id FROM patches_identity WHERE live UNION SELECT entity_id FROM patches_alias WHERE upper_inf(sys)
"""
# What live references were last seen with; a sample is another one each time.
HASHES = """
SELECT p.payload_hash FROM handoffs_payload p
WHERE p.payload_hash > %(after)s AND EXISTS (
  SELECT FROM handoffs_handoff h JOIN handoffs_reference f ON f.id = h.reference_id
  WHERE h.payload_id = p.payload_hash AND f.gone_at IS NULL
    AND p.payload_hash IN (f.seen_payload_id, f.applied_payload_id))
ORDER BY {order} LIMIT %(page)s
"""


@dataclass(frozen=True)
class Finding:
    """What a check found: its name, and the rows, no more than was asked for; `more` says that some were cut."""

    check: str
    rows: Sequence[Mapping[str, Any]]
    more: bool = False


def audit(*, limit: int = 20, deep: bool = False) -> list[Finding]:
    """Do every check; return what is not sound, which is nothing for a sound store.

    The bytes of SAMPLE payloads are read and hashed, of all payloads with `deep`.
    """
    found = [_query(name, sql, limit) for name, sql in CHECKS.items()]
    recomputed = (_slots(), _misplaced(), _renamed(), _payloads(deep=deep))
    found += [_pages(name, rows, limit) for name, rows in zip(RECOMPUTED, recomputed, strict=True)]
    return [finding for finding in found if finding.rows]


def names() -> list[str]:
    return [*CHECKS, *RECOMPUTED]


def _query(name: str, sql: str, limit: int) -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) found LIMIT %s", [limit + 1])  # noqa: S608  our own statements
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return Finding(name, rows[:limit], more=len(rows) > limit)


def _pages(name: str, offending: Iterator[Mapping[str, Any]], limit: int) -> Finding:
    rows = [row for row, _ in zip(offending, range(limit + 1), strict=False)]
    return Finding(name, rows[:limit], more=len(rows) > limit)


def _slots() -> Iterator[Mapping[str, Any]]:
    """Recompute every slot from its live assertions, page by page."""
    for page in _keyset(SLOTS, None):
        yield from ({"slot": slot} for slot in out_of_line(page))


def _misplaced() -> Iterator[Mapping[str, Any]]:
    """Recompute where each assertion counts, page by page."""
    for page in _keyset(BATCHES, 0):
        yield from ({"slot": slot} for slot in misplaced(page))


def _renamed() -> Iterator[Mapping[str, Any]]:
    """Recompute whom entities count as. What persons said of that is few enough to be looked at as a whole."""
    yield from ({"entity": entity} for entity in sorted(standing([row for (row,) in statements.rows(NAMED)]).differ()))


def _payloads(*, deep: bool) -> Iterator[Mapping[str, Any]]:
    pages = (
        _keyset(HASHES.format(order="p.payload_hash"), "")
        if deep
        else [[row[0] for row in statements.rows(HASHES.format(order="random()"), {"after": "", "page": SAMPLE})]]
    )
    for page in pages:
        for payload_hash in page:
            try:
                payloads.get(payload_hash)
            except Failure as failure:
                yield {"payload_hash": payload_hash, "reason": failure.reason.value}


def _keyset(sql: str, first: Any) -> Iterator[list[Any]]:
    """The first column of the statement's rows, PAGE at a time, in its order."""
    after = first
    while page := [row[0] for row in statements.rows(sql, {"after": after, "page": PAGE})]:
        yield page
        after = page[-1]
