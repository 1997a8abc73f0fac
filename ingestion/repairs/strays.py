"""Handoffs that are under way while no run is: they are handed in again."""

from django.conf import settings

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ledger import statements
from ledger.lifecycle import take
from ledger.reasons import Reason

PAGE = 200

# `waits`: a newer payload of the same reference waits already, and takes over.
STRAYS = """
SELECT h.id, h.opened, EXISTS (SELECT FROM handoffs_handoff w WHERE w.reference_id = h.reference_id
                               AND w.status IN ('pending', 'held')) AS waits
FROM handoffs_handoff h
WHERE h.status IN ('queued', 'ingesting') AND h.since < now() - %(lease)s * interval '1 s'
  AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.handoff_id = h.id
                  AND r.status IN ('pending', 'running', 'retry_wait', 'in_review'))
ORDER BY h.id LIMIT %(page)s FOR UPDATE OF h SKIP LOCKED
"""


def repair(by: str) -> int:
    found = statements.rows(STRAYS, {"lease": settings.LEASE_S, "page": PAGE})
    if not found:
        return 0
    again = {handoff: opened + 1 for handoff, opened, waits in found if not waits}
    over = [handoff for handoff, _, waits in found if waits]
    under_way = {"queued", "ingesting"}
    moved = take(
        HANDOFF.step(
            Handoff.objects.filter(pk__in=list(again)),
            was=under_way,
            to="pending",
            reason=Reason.RUN_VANISHED,
            by=by,
            opened=again,
        ),
        HANDOFF.step(
            Handoff.objects.filter(pk__in=over), was=under_way, to="superseded", reason=Reason.NEWER_PAYLOAD, by=by
        ),
    )
    return sum(map(len, moved))
