"""Batches that no reference carries any more are withdrawn."""

from ledger import statements
from patches.apply import retire

# Once nothing of their source is under way that might bring them a new carrier (a rename), or after five minutes.
UNCARRIED = """
SELECT b.reflection_id, array_agg(u.batch_id ORDER BY u.batch_id)
FROM (SELECT batch_id, since FROM patches_uncarriedbatch ORDER BY batch_id LIMIT 500) u
JOIN patches_patchbatch b ON b.id = u.batch_id
WHERE u.since < now() - interval '5 min' OR NOT EXISTS (
  SELECT FROM handoffs_handoff h WHERE h.source_id = b.source_id AND h.status IN ('pending', 'queued', 'ingesting'))
GROUP BY b.reflection_id ORDER BY b.reflection_id
"""


def repair(by: str) -> int:
    found = statements.rows(UNCARRIED)
    for reflection_id, batch_ids in found:
        retire(reflection_id, batch_ids, by=by)
    return sum(len(batch_ids) for _, batch_ids in found)
