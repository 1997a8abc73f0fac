"""Failures that ask something of a person: how many there are, and how somebody says that nothing is to be done."""

from collections.abc import Sequence

from django.db.models import QuerySet

from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ledger.deeds import Answer, Page, in_pages
from ledger.models import Event
from ledger.reasons import Reason

COUNTED = 10_000

# What failed before a later attempt at the same item; `seen` < id ≤ `upto` are the attempts that are looked at.
TRIED_AGAIN = """
WITH later AS MATERIALIZED (
  SELECT h.reference_id, max(r.id) AS id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
  WHERE r.id > %(seen)s AND r.id <= %(upto)s GROUP BY 1
),
before AS MATERIALIZED (
  SELECT o.id FROM later JOIN handoffs_handoff h USING (reference_id)
  JOIN ingestion_ingestrun o ON o.handoff_id = h.id AND o.id < later.id
  WHERE o.status IN ('failed', 'quarantined') AND o.answered = '' ORDER BY o.id FOR UPDATE OF o
)
UPDATE ingestion_ingestrun r SET answered = 'tried_again' FROM before WHERE r.id = before.id
"""


def outstanding(sources: Sequence[int] | None = None) -> int:
    """How many runs need attention, of all sources or of these; none is counted beyond COUNTED."""
    runs = IngestRun.objects.outstanding()
    return (runs if sources is None else runs.filter(source__in=sources))[:COUNTED].count()


def acknowledge(runs: QuerySet[IngestRun], why: str, *, by: str, dry_run: bool = False) -> Answer:
    """Note that somebody saw that the runs failed, and nothing is to be done; what is in quarantine stays there."""
    return in_pages(runs, acknowledging(by=by, why=why), dry_run=dry_run)


def acknowledging(*, by: str, why: str) -> Page:
    """As `acknowledge`, for a page of runs."""

    def page(ids: list[int]) -> Answer:
        chosen = IngestRun.objects.filter(pk__in=ids, status="failed")
        waits = chosen.filter(answered="").order_by("pk").select_for_update(of=("self",))
        seen = list(waits.values_list("pk", flat=True))
        IngestRun.objects.filter(pk__in=seen).update(answered=Reason.ACKNOWLEDGED)
        told = {"was": "failed", "became": "failed", "reason": Reason.ACKNOWLEDGED, "by": by, "note": why}
        Event.objects.bulk_create(Event(lifecycle=RUN.name, row_id=pk, **told) for pk in seen)
        failed = set(chosen.values_list("pk", flat=True))
        return Answer(
            {"acknowledged": seen},
            {"not_failed": sorted(set(ids) - failed), "answered_already": sorted(failed - set(seen))},
        )

    return page
