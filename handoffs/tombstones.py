"""What was purged: items known by their ids alone, which are not read again, and bytes of which the hash is kept."""

from collections.abc import Collection, Sequence
from uuid import UUID

from handoffs import payloads
from ledger import statements

NAMELESS = "purged:"  # and the id: uuid5 over the name tells the item again, the name itself is private

# Locked in the order of their ids, as intake and apply lock them.
MARK = """
UPDATE handoffs_reference SET purged_at = now(), erased_at = NULL, gone_at = coalesce(gone_at, now()) WHERE id IN (
  SELECT id FROM handoffs_reference WHERE id = ANY(%(ids)s::uuid[]) AND purged_at IS NULL ORDER BY id FOR UPDATE)
RETURNING id
"""
PURGED = "SELECT id FROM handoffs_reference WHERE id = ANY(%(ids)s::uuid[]) AND purged_at IS NOT NULL"
LOCK = "SELECT FROM handoffs_payload WHERE payload_hash = ANY(%(hashes)s) ORDER BY payload_hash FOR UPDATE"
# A later statement than the lock, so that it sees who came before it.
UNSHARED = """
SELECT h FROM unnest(%(hashes)s::text[]) h WHERE NOT EXISTS (
  SELECT FROM handoffs_handoff o JOIN handoffs_reference r ON r.id = o.reference_id
  WHERE o.payload_id = h AND r.purged_at IS NULL AND r.gone_at IS NULL)
"""
ERASED = """
UPDATE handoffs_payload SET erased_at = now() WHERE payload_hash = ANY(%(hashes)s) AND erased_at IS NULL
"""
BURY = """
UPDATE handoffs_reference SET external_id = 'purged:' || id, media_type = '', metadata = '{}', seen_signature = '',
  seen_payload_id = NULL, applied_payload_id = NULL, applied_content_hash = '', applied_at = NULL, reason = 'purged',
  erased_at = now()
WHERE id = ANY(%(ids)s::uuid[])
"""
LIFT = """
UPDATE handoffs_reference SET purged_at = NULL, erased_at = NULL, reason = '' WHERE id IN (
  SELECT id FROM handoffs_reference WHERE id = ANY(%(ids)s::uuid[]) AND erased_at IS NOT NULL ORDER BY id FOR UPDATE)
RETURNING id
"""


def mark(references: Collection[UUID]) -> list[UUID]:
    """Bar the references from now on; return those that were not before. Needs a transaction."""
    return [found for (found,) in statements.rows(MARK, {"ids": list(references)})]


def purged(references: Collection[UUID]) -> set[UUID]:
    """Which of the references were purged, and are to be left alone."""
    return {found for (found,) in statements.rows(PURGED, {"ids": list(references)})} if references else set()


def erase_bytes(hashes: Sequence[str]) -> int:
    """Delete the bytes that no live reference shares; return how many. A constant number of statements.

    Needs a transaction. The files go before it commits, under the locks of their rows: whoever takes in the same bytes
    meanwhile waits, and looks for them afterwards (payloads.confirm). Rolled back, it is to be done again.
    """
    if not hashes:
        return 0
    statements.rows(LOCK, {"hashes": list(hashes)})
    unshared = [found for (found,) in statements.rows(UNSHARED, {"hashes": list(hashes)})]
    for payload_hash in unshared:
        payloads.discard(payload_hash)
    return statements.run(ERASED, {"hashes": unshared})


def bury(references: Collection[UUID]) -> None:
    """Leave of the references nothing but their ids and the times. Needs a transaction."""
    statements.run(BURY, {"ids": list(references)})


def lift(references: Collection[UUID]) -> list[UUID]:
    """Let erased references come in again; return which. They are as gone until a sync finds them. In a transaction."""
    return [found for (found,) in statements.rows(LIFT, {"ids": list(references)})]
