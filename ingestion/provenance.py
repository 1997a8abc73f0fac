"""Which items a batch's content was read from: the ledger of runs knows it for batches that nobody carries any more."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from ledger import statements
from patches.facts import Known

# The items that carry it now; where there are none, those that it was once read from.
DOCUMENTS = """
WITH asked AS (SELECT unnest(%(batches)s::bigint[]) AS batch_id),
carrying AS (
  SELECT batch_id, array_agg(r.external_id ORDER BY r.external_id COLLATE "C") AS names
  FROM asked JOIN patches_carrier c USING (batch_id) JOIN handoffs_reference r ON r.id = c.reference_id
  WHERE r.gone_at IS NULL GROUP BY batch_id
)
SELECT asked.batch_id, coalesce(carrying.names, ARRAY(
  SELECT DISTINCT r.external_id COLLATE "C" FROM ingestion_ingestrun run
  JOIN handoffs_handoff h ON h.id = run.handoff_id JOIN handoffs_reference r ON r.id = h.reference_id
  WHERE run.batch_id = asked.batch_id ORDER BY 1))
FROM asked LEFT JOIN carrying USING (batch_id)
"""


def documents(batches: Collection[int]) -> Mapping[int, Sequence[str]]:
    """The items' names, by batch. One statement."""
    if not batches:
        return {}
    return dict(statements.rows(DOCUMENTS, {"batches": sorted(set(batches))}))


def with_documents(known: Sequence[Known]) -> list[Known]:
    """The facts, with the items that each piece of evidence stands in."""
    names = documents({said.batch for fact in known for said in fact.evidence})
    return [
        replace(fact, evidence=[replace(said, documents=names[said.batch]) for said in fact.evidence]) for fact in known
    ]
