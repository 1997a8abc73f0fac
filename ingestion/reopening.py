"""Whether a handoff that has ended may be worked on again: the questions that release, requeue and reprocess share."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from handoffs.lifecycles import ENDED
from ledger import statements

# Intake locks a reference before it opens a handoff of it: whoever holds this lock has nobody beside them.
LOCK = """
SELECT id FROM handoffs_reference
WHERE id IN (SELECT reference_id FROM handoffs_handoff WHERE id = ANY(%(handoffs)s)) ORDER BY id FOR UPDATE
"""
# Newest first: of two handoffs of one reference only the newer can go.
LOOK = """
SELECT h.id, h.reference_id, h.status, h.opened, f.gone_at IS NOT NULL,
       coalesce(f.seen_payload_id <> h.payload_id, false),
       EXISTS (SELECT FROM handoffs_handoff o WHERE o.reference_id = h.reference_id AND o.id <> h.id
               AND o.status IN ('pending', 'held', 'queued', 'ingesting')),
       last.id, last.status
FROM handoffs_handoff h JOIN handoffs_reference f ON f.id = h.reference_id
LEFT JOIN LATERAL (SELECT r.id, r.status FROM ingestion_ingestrun r WHERE r.handoff_id = h.id
                   ORDER BY r.id DESC LIMIT 1) last ON true
WHERE h.id = ANY(%(handoffs)s) ORDER BY h.id DESC
"""


@dataclass(frozen=True)
class Standing:
    """Where a handoff stands. `older`: its reference has other bytes by now; `last_run` may be none at all."""

    id: int
    reference: UUID
    status: str
    opened: int
    gone: bool
    older: bool
    busy: bool
    last_run: int | None
    last_status: str | None


def look(handoffs: Sequence[int]) -> list[Standing]:
    """Lock the references and say where the handoffs stand, the newest first. Two statements; needs a transaction."""
    which = {"handoffs": list(handoffs)}
    statements.rows(LOCK, which)
    return [Standing(*row) for row in statements.rows(LOOK, which)]


class Obstacles:
    """Says for one handoff after the other why it cannot be opened; remembers which references it let through."""

    def __init__(self, *, older_too: bool = False) -> None:
        self.older_too = older_too
        self.opened: set[UUID] = set()

    def to(self, handoff: Standing) -> str | None:
        """The name of what stands in the way; None lets it through."""
        if handoff.status not in ENDED:
            return "under_way"
        if handoff.gone:
            return "reference_gone"
        if handoff.busy or handoff.reference in self.opened:
            return "newer_handoff"
        if handoff.older and not self.older_too:
            return "newer_payload"
        self.opened.add(handoff.reference)
        return None
