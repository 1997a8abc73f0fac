"""Which items a batch's content was read from, now or once."""

from collections.abc import Collection, Mapping, Sequence

from ledger import statements

# The items that carry it now; where there are none, those that ever said it.
DOCUMENTS = """
WITH asked AS (SELECT unnest(%(batches)s::bigint[]) AS batch_id),
carrying AS (
  SELECT batch_id, array_agg(r.external_id ORDER BY r.external_id COLLATE "C") AS names
  FROM asked JOIN patches_carrier c USING (batch_id) JOIN handoffs_reference r ON r.id = c.reference_id
  WHERE r.gone_at IS NULL GROUP BY batch_id
)
SELECT asked.batch_id, coalesce(carrying.names, ARRAY(
  SELECT r.external_id FROM patches_referenceversion v JOIN handoffs_reference r ON r.id = v.reference_id
  WHERE v.batch_id = asked.batch_id ORDER BY r.external_id COLLATE "C"))
FROM asked LEFT JOIN carrying USING (batch_id)
"""


def documents(batches: Collection[int]) -> Mapping[int, Sequence[str]]:
    """The items' names, by batch. One statement."""
    if not batches:
        return {}
    return dict(statements.rows(DOCUMENTS, {"batches": sorted(set(batches))}))
