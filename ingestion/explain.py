"""Why a run is not running: every cause that there is, by name, the nearest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from ingestion import connectors, fairness
from ingestion.duty import DUTY_LOCK
from ingestion.lifecycles import ACTIVE, DUE
from ingestion.models import Flight, IngestRun, Quarantine, Turn
from ledger import statements

FLIGHTS_NAMED = 10
COUNTED = 10_000

# Who of its source goes before it: the better class first (fairness.class_of), then who waits longer. Counted up to a
# mark; of a retry and a fresh handoff that go by turns, the one that waits longer is taken for the first.
AHEAD = """
SELECT count(*) FROM (
  SELECT FROM ingestion_ingestrun r WHERE r.source_id = %(source)s AND r.status IN ('pending', 'retry_wait')
    AND r.waits_for_id IS NULL AND r.next_attempt_at <= now()
    AND (greatest(0, r.priority - greatest(0, floor(extract(epoch FROM now() - r.next_attempt_at) / %(aging)s::float))),
         r.next_attempt_at, r.id) < (%(class)s, %(due)s, %(run)s)
  UNION ALL
  SELECT FROM handoffs_handoff h WHERE h.source_id = %(source)s AND h.status = 'pending'
    AND (greatest(0, h.priority - greatest(0, floor(extract(epoch FROM now() - h.since) / %(aging)s::float))), h.since)
        < (%(class)s, %(due)s)
    AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.handoff_id = h.id
                    AND r.status IN ('pending', 'running', 'retry_wait', 'in_review'))
  LIMIT %(most)s) ahead
"""
ON_DUTY = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %(lock)s AND granted)"


@dataclass(frozen=True)
class Cause:
    """One thing that keeps the run where it is: `name` for machines, `says` for people."""

    name: str
    says: str


def explain(run_id: int) -> list[Cause]:
    """Return what the run waits for; for one that ended, how. Raises IngestRun.DoesNotExist."""
    related = ("source__reflection", "flight", "waits_for", "duplicate_of", "batch")
    run = IngestRun.objects.select_related(*related).get(pk=run_id)
    [(now,)] = statements.rows("SELECT now()")
    if run.status in DUE:
        return list(_waiting(run, now))
    if run.status == "running":
        return list(_aboard(run, now))
    answered = [Cause("answered", run.get_answered_display())] if run.answered not in ("", run.reason) else []
    if run.status == "quarantined":
        return [*_quarantined(run), *answered]
    if run.status in ACTIVE:
        return [Cause("in_review", f"its {run.batch or 'batch'} waits for a person's verdict")]
    told = f"it ended as {run.status}: {run.get_reason_display()}"
    same = f"; the same content came with run {run.duplicate_of_id}" if run.duplicate_of else ""
    return [Cause("ended", told + same), *answered]


def _waiting(run: IngestRun, now: datetime) -> Iterator[Cause]:
    if run.source.paused:
        why = f": {run.source.paused_why}" if run.source.paused_why else ""
        yield Cause("source_paused", f"its source {run.source} is paused{why}")
    if run.cancel_requested:
        yield Cause("cancel_requested", f"{run.cancel_requested} asked for its end; it ends when it boards again")
    if run.next_attempt_at and run.next_attempt_at > now:
        told = f"after {run.failure} ({run.reason}), attempt {run.attempts}" if run.failure else "its time has not come"
        yield Cause("retry_time", f"{told}: it is tried again at {_time(run.next_attempt_at)}")
    if run.waits_for and run.waits_for.status in ACTIVE:
        claimant = run.waits_for
        yield Cause("content_claimed", f"run {claimant.pk} ({claimant.status}) is ingesting the same content")
    elif run.waits_for:
        yield Cause(
            "content_free", f"run {run.waits_for_id} had the same content and has ended; the next round frees it"
        )
    if run.next_attempt_at and run.next_attempt_at <= now:
        yield from _in_line(run, now)


def _in_line(run: IngestRun, now: datetime) -> Iterator[Cause]:
    """It could go: say who goes first, and whether there is room."""
    own = fairness.class_of(run.priority, run.next_attempt_at or now, now)
    which: dict[str, Any] = {"source": run.source_id, "class": own, "due": run.next_attempt_at}
    which |= {"aging": fairness.AGING.total_seconds()}
    [(ahead,)] = statements.rows(AHEAD, {**which, "run": run.pk, "most": COUNTED})
    if ahead:
        counted = f"{ahead:,}{' or more' if ahead == COUNTED else ''}"
        yield Cause("behind", f"{counted} of its source go before it")
    yield from _full(run)
    turn = Turn.objects.filter(source=run.source_id).first()
    if turn and turn.not_before and turn.not_before > now:
        yield Cause("asked_to_wait", f"the remote side asked for no more until {_time(turn.not_before)}")
    if turn and turn.next_slot and turn.next_slot > now and connectors.profile(run.source.kind).rate_per_s:
        yield Cause("rate", f"its source has used its rate up to {_time(turn.next_slot)}")
    [(on_duty,)] = statements.rows(ON_DUTY, {"lock": DUTY_LOCK})
    if not on_duty:
        yield Cause("no_dispatcher", "no dispatcher is on duty: run manage.py up, dispatcher or ingest")
    if on_duty and not ahead:
        yield Cause("due", "its time has come: it goes with the next round in which its source has a turn")


def _full(run: IngestRun) -> Iterator[Cause]:
    profile = connectors.profile(run.source.kind)
    flying = Flight.objects.filter(status="open").order_by("pk")
    of_kind = flying.filter(source__kind=run.source.kind)
    for name, limit, flights in (
        ("system_full", settings.OPEN_FLIGHTS, flying),
        ("connector_full", profile.flights, of_kind),
        ("source_full", profile.flights_per_source, of_kind.filter(source=run.source_id)),
    ):
        ids = list(flights.values_list("pk", flat=True)[: limit + 1]) if limit is not None else []
        if limit is not None and len(ids) >= limit:
            named = ", ".join(map(str, ids[:FLIGHTS_NAMED]))
            yield Cause(name, f"{len(ids)} of {limit} flights are open: {named}{' …' * (len(ids) > FLIGHTS_NAMED)}")


def _aboard(run: IngestRun, now: datetime) -> Iterator[Cause]:
    flight = run.flight
    if flight is None or flight.status != "open" or flight.lease_until is None:
        yield Cause("no_flight", "it is under way without an open flight: run manage.py audit")
        return
    if flight.lease_until < now:
        lost = "was not heard of" if flight.worker else "never came"
        yield Cause("lease_lost", f"the worker of {flight} {lost}; the next sweep takes it back")
    elif flight.worker:
        yield Cause("at_work", f"{flight.worker} has {flight} at {flight.stage} since {_time(flight.boarded_at)}")
    else:
        yield Cause("waits_for_worker", f"{flight} was rung for {flight.stage}; no worker has taken it yet")
    if run.stage != flight.stage:
        yield Cause("stage_ahead", f"it goes on at {run.stage}; the others of its flight are at {flight.stage}")
    if run.cancel_requested:
        yield Cause("cancel_requested", f"{run.cancel_requested} asked for its end; it ends before its next stage")
    if run.source.paused:
        yield Cause("source_paused", f"its source {run.source} is paused: it stops before its next stage")


def _quarantined(run: IngestRun) -> Iterator[Cause]:
    known = Quarantine.objects.filter(run=run).first()
    if known is None:
        yield Cause("quarantined", f"its policy gave up: {run.failure} ({run.reason})")
        return
    what = f"{known.exception or known.failure} ({run.reason}) before {known.stage} was done"
    yield Cause("quarantined", f"its policy gave up after {what}; {known.times} × in quarantine, {known.fingerprint}")
    if known.follows_id:
        yield Cause("follows_a_probe", f"{known.asked_by} released it; it goes once run {known.follows_id} did well")


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "-"
