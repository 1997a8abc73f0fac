"""Approved batches that nobody is applying: the handoff that they came from is handed in again, straight to apply."""

from handoffs.lifecycles import ENDED, HANDOFF
from handoffs.models import Handoff
from ledger import statements
from ledger.reasons import Reason

PAGE = 200

# The newest run of the batch says what it was made for. One that an operator ended, or that waits in quarantine, stays.
UNAPPLIED = """
SELECT h.id, h.opened
FROM (SELECT id FROM patches_patchbatch WHERE status = 'approved' ORDER BY id LIMIT %(page)s) b
JOIN LATERAL (SELECT r.handoff_id, r.status FROM ingestion_ingestrun r WHERE r.batch_id = b.id
              ORDER BY r.id DESC LIMIT 1) last ON last.status NOT IN ('cancelled', 'quarantined', 'failed')
JOIN handoffs_handoff h ON h.id = last.handoff_id
WHERE h.status NOT IN ('pending', 'held', 'queued', 'ingesting', 'cancelled', 'superseded')
  AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.batch_id = b.id
                  AND r.status IN ('pending', 'running', 'retry_wait', 'in_review'))
  AND NOT EXISTS (SELECT FROM handoffs_handoff w WHERE w.reference_id = h.reference_id
                  AND w.status IN ('pending', 'held'))
ORDER BY h.id FOR UPDATE OF h SKIP LOCKED
"""


def repair(by: str) -> int:
    again = {handoff: opened + 1 for handoff, opened in statements.rows(UNAPPLIED, {"page": PAGE})}
    if not again:
        return 0
    handoffs = Handoff.objects.filter(pk__in=list(again))
    return len(HANDOFF.move(handoffs, was=ENDED, to="pending", reason=Reason.UNAPPLIED, by=by, opened=again))
