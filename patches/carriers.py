"""Which batch holds what each reference says. Its `applied_*` moves here, and in sql/carry.sql after a revert."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from ledger import statements

# The references are locked and looked at first: one that is gone by now says and carries nothing.
GIVEN = """
given AS (
  SELECT * FROM unnest(%(references)s::uuid[], %(carried)s::bigint[], %(contents)s::text[], %(payloads)s::text[])
    AS g(reference_id, batch_id, content_hash, payload_hash)
),
present AS MATERIALIZED (
  SELECT given.* FROM given JOIN handoffs_reference r ON r.id = given.reference_id
  WHERE r.gone_at IS NULL ORDER BY r.id FOR UPDATE OF r
),
said AS (
  INSERT INTO patches_referenceversion (reference_id, batch_id, payload_id)
  SELECT reference_id, batch_id, payload_hash FROM present
  -- said again it is what was said last: it gets the higher id that was drawn for it
  ON CONFLICT (reference_id, batch_id) DO UPDATE SET id = EXCLUDED.id, payload_id = EXCLUDED.payload_id
)"""
# What was left is looked at by the next sweep. Shared with sql/put.sql.
CARRIED = ",".join(
    (
        GIVEN,
        """
left_behind AS MATERIALIZED (
  SELECT DISTINCT c.batch_id FROM patches_carrier c JOIN present USING (reference_id)
  WHERE c.batch_id <> present.batch_id
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
  (SELECT batch_id FROM given EXCEPT SELECT batch_id FROM present) UNION SELECT batch_id FROM left_behind
  ON CONFLICT DO NOTHING
)""",
    )
)
DROP = """
WITH dropped AS (DELETE FROM patches_carrier WHERE reference_id = ANY(%(references)s::uuid[]) RETURNING batch_id)
INSERT INTO patches_uncarriedbatch (batch_id) SELECT DISTINCT batch_id FROM dropped ON CONFLICT DO NOTHING
"""


Carriage = tuple[UUID, int, str, str]


def given(carriers: Sequence[Carriage]) -> dict[str, list[Any]]:
    """The parameters of CARRIED: (reference, batch, content hash, payload hash) each."""
    columns = list(zip(*carriers, strict=True)) or [(), (), (), ()]
    return dict(zip(("references", "carried", "contents", "payloads"), map(list, columns), strict=True))


def carry(carriers: Sequence[Carriage]) -> None:
    """Let each reference carry a batch that is live already, and note what is applied.

    The batches that a reference leaves behind are looked at by the next sweep. One statement. Needs a transaction in
    which the batches are locked.
    """
    if carriers:
        statements.rows(f"WITH {CARRIED} SELECT batch_id FROM left_behind", given(carriers))  # noqa: S608  a constant


def note_said(carriers: Sequence[Carriage]) -> None:
    """Note what references say that is kept out: they carry it if it is restored. One statement; as `carry`."""
    if carriers:
        statements.rows(f"WITH {GIVEN} SELECT 1", given(carriers))


def drop(references: Sequence[UUID]) -> None:
    """References that are gone carry nothing any more. Needs a transaction in which they were marked gone before."""
    statements.run(DROP, {"references": list(references)})
