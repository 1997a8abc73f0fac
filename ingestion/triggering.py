"""Have a source synced now: a person asks, or something saw it change."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from handoffs.models import Source
from ingestion.connectors import PUSHED
from ingestion.models import Cause, Occurrence
from ingestion.ring import ring_sync
from ledger import statements
from ledger.deeds import Answer
from ledger.reasons import Reason

POLL_S, PATIENCE_S = 0.2, 10.0
REASONS = {Cause.ASKED: Reason.ASKED_FOR, Cause.HINTED: Reason.HINTED}

# One that is due already does as well; asked for by a person it need not wait for its time.
ASK = """
INSERT INTO ingestion_occurrence (source_id, scheduled_for, cause, by, status, reason, next_attempt_at, worker, fence,
  attempts, crashes, accept_deletions, recheck, report, failure, detail, traceback)
VALUES (%(source)s, clock_timestamp(), %(cause)s, %(by)s, 'due', %(reason)s, now(), '', 0, 0, 0, %(accept)s,
        %(recheck)s, '{}', '', '', '')
ON CONFLICT (source_id) WHERE status = 'due' DO UPDATE SET
  accept_deletions = ingestion_occurrence.accept_deletions OR EXCLUDED.accept_deletions,
  recheck = ingestion_occurrence.recheck OR EXCLUDED.recheck,
  next_attempt_at = CASE WHEN EXCLUDED.cause = 'asked' OR ingestion_occurrence.attempts = 0
                         THEN least(now(), ingestion_occurrence.next_attempt_at)
                         ELSE ingestion_occurrence.next_attempt_at END
RETURNING id, next_attempt_at <= now()
"""


def ask(source: Source, cause: Cause, *, by: str, accept_deletions: bool = False, recheck: bool = False) -> int:
    """Return the occurrence that will sync the source: a new one, or the one that is due already.

    One that runs is not that: it may have passed by what has changed since.
    """
    parameters = {
        "source": source.pk,
        "cause": cause,
        "by": by,
        "reason": REASONS[cause],
        "accept": accept_deletions,
        "recheck": recheck,
    }
    with transaction.atomic(durable=True):
        [(pk, now)] = statements.rows(ASK, parameters)
    if now:
        ring_sync(pk, source.pk)  # the sweep would, within a second; a message more changes nothing
    return int(pk)


def ask_all(sources: QuerySet[Source], *, by: str, dry_run: bool = False, **told: bool) -> Answer:
    """Have the sources synced now, but those that are paused. The ids `asked_for` are occurrences, others sources."""
    answer = Answer()
    for source in sources:
        if source.paused or source.kind == PUSHED:
            answer += Answer(refused={"paused" if source.paused else "nothing_to_list": [source.pk]})
        else:
            answer += Answer({"asked_for": [source.pk if dry_run else ask(source, Cause.ASKED, by=by, **told)]})
    return answer


@dataclass(frozen=True)
class Stand:
    """Where an asked-for sync stands. `over`: it ended, or is to be tried again later, or waits for a person."""

    over: bool
    begun: bool
    row: Mapping[str, Any]


def follow(occurrence_ids: Sequence[int], *, unheard: Callable[[], None]) -> list[Stand]:
    """Wait until all are over, and say where they stand; `unheard` is called once if nobody begins for PATIENCE_S."""
    patience = time.monotonic() + PATIENCE_S
    while not all(stand.over for stand in look(occurrence_ids)):
        if time.monotonic() > patience and not any(stand.begun for stand in look(occurrence_ids)):
            unheard()
            patience = float("inf")
        time.sleep(POLL_S)
    return look(occurrence_ids)


def look(occurrence_ids: Sequence[int]) -> list[Stand]:
    """Look at occurrences, in order of id."""
    rows = Occurrence.objects.filter(pk__in=occurrence_ids).order_by("pk").select_related("source__reflection")
    return [
        Stand(
            over=one.status not in ("due", "running")
            or (one.status == "due" and (one.failure != "" or one.source.paused)),
            begun=one.started_at is not None,
            row={
                "id": one.pk,
                "source": str(one.source),
                "status": one.status,
                "reason": one.reason,
                "detail": one.detail,
                "next_attempt_at": one.next_attempt_at,
                **one.report,
            },
        )
        for one in rows
    ]
