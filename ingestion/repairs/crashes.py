"""Flights whose worker fell silent: lost, and their runs go back to the stage they stand before.

Who was aboard alone is charged with the crash; three of them, over all runs of the same bytes, are poison. Who was
aboard with others is not to blame until it flies alone: a flight in which a worker died is split.
"""

from collections.abc import Mapping
from typing import Any

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.lifecycles import FLIGHT, RUN
from ingestion.models import Flight, IngestRun
from ingestion.policies import rules_of
from ingestion.quarantine import Cause, note
from ledger import statements
from ledger.lifecycle import FromNow, take
from ledger.reasons import Reason

PAGE = 100

# A restart of the database silences every worker: that is no crash of theirs.
SILENT = """
SELECT id, boarded_at > pg_postmaster_start_time() AS died FROM ingestion_flight
WHERE status = 'open' AND worker <> '' AND lease_until < now()
ORDER BY lease_until LIMIT %(page)s FOR UPDATE SKIP LOCKED
"""
# Crashes are counted over all runs of the same bytes: poison is known again under another run's id.
ABOARD = """
SELECT r.id, r.handoff_id, r.flight_id, r.source_id, r.stage, r.crashes,
       (SELECT coalesce(sum(o.crashes), 0) FROM handoffs_handoff p JOIN ingestion_ingestrun o ON o.handoff_id = p.id
        WHERE p.payload_id = h.payload_id)
FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
WHERE r.flight_id = ANY(%(flights)s) AND r.status = 'running' ORDER BY r.id FOR UPDATE OF r
"""


def repair(by: str) -> int:
    silent: dict[int, bool] = dict(statements.rows(SILENT, {"page": PAGE}))
    if not silent:
        return 0
    aboard = statements.rows(ABOARD, {"flights": list(silent)})
    together: dict[int, int] = {}
    for _, _, flight_id, *_ in aboard:
        together[flight_id] = together.get(flight_id, 0) + 1
    again: dict[int, bool] = {}
    counts: dict[int, int] = {}
    poison: dict[int, tuple[int, Cause]] = {}
    rules = rules_of({source_id for _, _, _, source_id, *_ in aboard})
    for run_id, handoff_id, flight_id, source_id, stage, crashes, known in aboard:
        charged = silent[flight_id] and together[flight_id] == 1
        counts[run_id] = crashes + charged
        if charged and known + 1 >= rules[source_id].policy("crash").attempts:
            cause = Cause(run_id, rules[source_id].kind, stage, "crash", Reason.POISON)
            poison[run_id] = (handoff_id, cause)
        else:
            again[run_id] = silent[flight_id]
    _move(silent, again, counts, poison, by=by)
    return len(silent)


def _move(
    flights: Mapping[int, bool],
    again: Mapping[int, bool],
    counts: Mapping[int, int],
    poison: Mapping[int, tuple[int, Cause]],
    *,
    by: str,
) -> None:
    lost: dict[str, Any] = {"reason": Reason.LEASE_LOST, "by": by}
    told: dict[str, Any] = {"reason": Reason.POISON, "by": by}
    take(
        FLIGHT.step(Flight.objects.filter(pk__in=list(flights)), was={"open"}, to="lost", lease_until=None, **lost),
        RUN.step(
            IngestRun.objects.filter(pk__in=list(again)),
            was={"running"},
            to="pending",
            next_attempt_at=FromNow(),
            flight=None,
            alone=again,
            crashes=counts,
            **lost,
        ),
        RUN.step(
            IngestRun.objects.filter(pk__in=list(poison)),
            was={"running"},
            to="quarantined",
            crashes=counts,
            failure="crash",
            **told,
        ),
        HANDOFF.step(
            Handoff.objects.filter(pk__in=[handoff for handoff, _ in poison.values()]),
            was={"queued", "ingesting"},
            to="failed",
            **told,
        ),
    )
    note([cause for _, cause in poison.values()])
