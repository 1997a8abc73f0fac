"""Which batch holds what each reference says: the one place where a reference's `applied_*` moves."""

from collections.abc import Sequence
from uuid import UUID

from ledger import statements

# The references are locked and looked at first: one that is gone by now carries nothing.
CARRY = """
WITH given AS (
  SELECT * FROM unnest(%(references)s::uuid[], %(batches)s::bigint[], %(contents)s::text[], %(payloads)s::text[])
    AS g(reference_id, batch_id, content_hash, payload_hash)
),
present AS MATERIALIZED (
  SELECT given.* FROM given JOIN handoffs_reference r ON r.id = given.reference_id
  WHERE r.gone_at IS NULL ORDER BY r.id FOR UPDATE OF r
),
left_behind AS (
  SELECT DISTINCT c.batch_id FROM patches_carrier c JOIN present USING (reference_id) WHERE c.batch_id <> present.batch_id
),
carried AS (
  INSERT INTO patches_carrier (reference_id, batch_id) SELECT reference_id, batch_id FROM present
  ON CONFLICT (reference_id) DO UPDATE SET batch_id = EXCLUDED.batch_id
),
noted AS (
  UPDATE handoffs_reference r
  SET applied_payload_id = present.payload_hash, applied_content_hash = present.content_hash, applied_at = now()
  FROM present WHERE r.id = present.reference_id
),
loose AS (
  INSERT INTO patches_uncarriedbatch (batch_id)
  SELECT batch_id FROM given EXCEPT SELECT batch_id FROM present
  ON CONFLICT DO NOTHING
)
SELECT batch_id FROM left_behind ORDER BY 1
"""
DROP = """
WITH dropped AS (DELETE FROM patches_carrier WHERE reference_id = ANY(%(references)s::uuid[]) RETURNING batch_id)
INSERT INTO patches_uncarriedbatch (batch_id) SELECT DISTINCT batch_id FROM dropped ON CONFLICT DO NOTHING
"""


def carry(carriers: Sequence[tuple[UUID, int, str, str]]) -> list[int]:
    """Let each reference carry its batch, and note what is applied: (reference, batch, content hash, payload hash).

    Returns the batches that a reference left behind: they may have lost their last carrier. One statement. Needs a
    transaction in which the batches are applied and locked.
    """
    if not carriers:
        return []
    references, batches, contents, payloads = map(list, zip(*carriers, strict=True))
    given = {"references": references, "batches": batches, "contents": contents, "payloads": payloads}
    return [batch_id for (batch_id,) in statements.rows(CARRY, given)]


def drop(references: Sequence[UUID]) -> None:
    """References that are gone carry nothing any more. Needs a transaction in which they were marked gone before."""
    statements.run(DROP, {"references": list(references)})


def note_loose(batches: Sequence[int]) -> None:
    """Have the batches looked at: they may have lost their last carrier."""
    statements.run(
        "INSERT INTO patches_uncarriedbatch (batch_id) SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING",
        [list(batches)],
    )
