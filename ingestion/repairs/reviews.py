"""Reviews that nobody ended: given up when their time is over. Runs whose document has gone on wait no longer."""

from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.reviewing import expire
from ledger import statements
from ledger.reasons import Reason
from patches.evaluation.policy import REVIEW_DAYS

PAGE = 200

# The policy that is in force now says how long.
EXPIRED = """
SELECT b.id FROM patches_patchbatch b WHERE b.status = 'in_review' AND b.since < now() - coalesce(
  (SELECT (p.body ->> 'review_days')::int FROM patches_gatepolicy p WHERE p.reflection_id = b.reflection_id
   ORDER BY p.version DESC LIMIT 1), %(days)s) * interval '1 day'
ORDER BY b.since LIMIT %(page)s FOR UPDATE SKIP LOCKED
"""
LEFT = """
SELECT r.id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
WHERE r.status = 'in_review' AND h.status NOT IN ('held', 'queued', 'ingesting')
ORDER BY r.id LIMIT %(page)s FOR UPDATE OF r SKIP LOCKED
"""


def repair(by: str) -> int:
    left = [run for (run,) in statements.rows(LEFT, {"page": PAGE})]
    if left:
        runs = IngestRun.objects.filter(pk__in=left)
        RUN.move(runs, was={"in_review"}, to="cancelled", reason=Reason.NEWER_PAYLOAD, by=by)
    expired = [batch for (batch,) in statements.rows(EXPIRED, {"days": REVIEW_DAYS, "page": PAGE})]
    return len(left) + len(expire(expired, by=by) if expired else ())
