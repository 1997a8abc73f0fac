"""Turn due work into flights: look, decide, admit, commit, then ring the broker's bell.

What is fair is decided by the pure rules of `ingestion.fairness`; here they are fed and carried out. Every statement
reads the rows that it may take and no others, however many stand behind them: `benchmarks/claims.py` measures it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import transaction

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import connectors, fairness
from ingestion.adapters import chosen_traces
from ingestion.fairness import Admission, Source, State, Waiting
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.ports import Told
from ingestion.ring import Departure, ring
from ingestion.stages import ORDER
from ingestion.waking import wait, wake
from ledger import statements
from ledger.crashpoints import reached
from ledger.lifecycle import take
from ledger.reasons import Reason

__all__ = ["hold", "tick", "wait", "wake"]

BY = "dispatch"
DISPATCH_LOCK = 7_304_515
# Flights that one transaction opens: the first of them is rung for when the last one is ready.
AT_ONCE = 8
# With more sources than flights to open, each is counted no further: whoever has so much fills a flight, or nearly.
FEW = 8

# Runs whose content's claimant is done wait for nobody any more. Goes from claimant to claimant along run_held_back,
# however many wait for each. Until then they are not in run_ready, so that nobody reads them in vain.
FREE = """
WITH RECURSIVE claimant (id) AS (
  SELECT min(waits_for_id) FROM ingestion_ingestrun WHERE status IN ('pending', 'retry_wait') AND waits_for_id > 0
  UNION ALL
  SELECT (SELECT min(r.waits_for_id) FROM ingestion_ingestrun r
          WHERE r.status IN ('pending', 'retry_wait') AND r.waits_for_id > claimant.id)
  FROM claimant WHERE claimant.id IS NOT NULL
),
done (id) AS MATERIALIZED (
  SELECT id FROM claimant WHERE (SELECT c.status FROM ingestion_ingestrun c WHERE c.id = claimant.id)
    NOT IN ('pending', 'running', 'retry_wait', 'in_review')
)
UPDATE ingestion_ingestrun SET waits_for_id = NULL WHERE id IN (
  SELECT r.id FROM done CROSS JOIN LATERAL (
    SELECT id FROM ingestion_ingestrun WHERE waits_for_id = done.id AND status IN ('pending', 'retry_wait')
    LIMIT 1000 FOR UPDATE SKIP LOCKED) r)
"""
FLYING = """
SELECT s.id, s.kind, count(*) FROM ingestion_flight f JOIN handoffs_source s ON s.id = f.source_id
WHERE f.status = 'open' GROUP BY s.id, s.kind
"""
# The sources that have work, found by going from one to the next along the index. The more there are, the less of each
# can go now, and no more of each priority is counted than that.
SNAPSHOT = """
WITH RECURSIVE fresh (source) AS (
  SELECT min(source_id) FROM handoffs_handoff WHERE status = 'pending'
  UNION ALL
  SELECT (SELECT min(h.source_id) FROM handoffs_handoff h WHERE h.status = 'pending' AND h.source_id > fresh.source)
  FROM fresh WHERE fresh.source IS NOT NULL
),
due (source) AS (
  SELECT min(source_id) FROM ingestion_ingestrun WHERE status IN ('pending', 'retry_wait') AND waits_for_id IS NULL
  UNION ALL
  SELECT (SELECT min(r.source_id) FROM ingestion_ingestrun r
          WHERE r.status IN ('pending', 'retry_wait') AND r.waits_for_id IS NULL AND r.source_id > due.source)
  FROM due WHERE due.source IS NOT NULL
),
busy (id) AS MATERIALIZED (
  SELECT source FROM fresh WHERE source IS NOT NULL UNION SELECT source FROM due WHERE source IS NOT NULL
),
depth (most) AS MATERIALIZED (
  SELECT CASE WHEN count(*) BETWEEN 1 AND %(room)s THEN %(runs)s * (%(room)s / count(*)) ELSE %(few)s END FROM busy
)
SELECT s.id, s.reflection_id, s.kind, s.weight, coalesce(t.finish, 0), s.paused, t.not_before, t.next_slot,
       p.priority, least(w.count, (SELECT most FROM depth)), w.oldest,
       (SELECT most FROM depth), coalesce((SELECT max(began) FROM ingestion_turn), 0)
FROM busy JOIN handoffs_source s ON s.id = busy.id LEFT JOIN ingestion_turn t ON t.source_id = s.id
CROSS JOIN generate_series(0, 2) AS p(priority)
CROSS JOIN LATERAL (
  SELECT count(*), min(since) FROM (
    (SELECT h.since FROM handoffs_handoff h WHERE h.source_id = busy.id AND h.priority = p.priority
       AND h.status = 'pending' ORDER BY h.since, h.id LIMIT (SELECT most FROM depth))
    UNION ALL
    (SELECT r.next_attempt_at FROM ingestion_ingestrun r WHERE r.source_id = busy.id AND r.priority = p.priority
       AND r.status IN ('pending', 'retry_wait') AND r.waits_for_id IS NULL AND r.next_attempt_at <= now()
     ORDER BY r.next_attempt_at, r.id LIMIT (SELECT most FROM depth))) both_kinds
) w(count, oldest)
WHERE w.count > 0 ORDER BY s.id
"""
# A source's next work, in the order of `fairness.line`, locked. A handoff whose reference is being ingested waits for
# that to end; one that a run holds already is that run's. `class` is fairness.class_of.
# Bytes that a worker once died of fly alone, whoever brings them again.
# Written so that old statistics do no harm. When those were taken with nothing under way, PostgreSQL takes a partial
# index for empty and reads it whole: a scalar subquery, and a status in an expression, leave it no such plan. And it
# takes IS NULL for something rare, and sorts all that waits before it takes the first few; IS NOT TRUE it does not.
NEXT = """
WITH waiting AS (
  SELECT 'due' AS kind, r.* FROM generate_series(0, 2) AS p(priority) CROSS JOIN LATERAL (
    SELECT id, p.priority, next_attempt_at AS since FROM ingestion_ingestrun
    WHERE source_id = %(source)s AND priority = p.priority AND status IN ('pending', 'retry_wait')
      AND waits_for_id IS NULL AND next_attempt_at <= now()
    ORDER BY next_attempt_at, id LIMIT %(most)s) r
  UNION ALL
  SELECT 'fresh', h.* FROM generate_series(0, 2) AS p(priority) CROSS JOIN LATERAL (
    SELECT id, p.priority, since FROM handoffs_handoff h
    WHERE source_id = %(source)s AND priority = p.priority AND status = 'pending'
      AND (SELECT true FROM handoffs_handoff w
           WHERE w.reference_id = h.reference_id AND w.status IN ('queued', 'ingesting') LIMIT 1) IS NOT TRUE
      AND (SELECT true FROM ingestion_ingestrun r WHERE r.handoff_id = h.id
           AND r.status IN ('pending', 'running', 'retry_wait', 'in_review') LIMIT 1) IS NOT TRUE
    ORDER BY since, id LIMIT %(most)s) h
),
classed AS (
  SELECT kind, id, since, greatest(0, priority - greatest(0, floor(
    extract(epoch FROM now() - since) / %(aging)s::float)))::int AS class FROM waiting
),
line AS (
  SELECT kind, id, class, row_number() OVER (PARTITION BY class, kind ORDER BY since, id) AS place FROM classed
  WHERE class <= %(worst)s ORDER BY class, place, kind LIMIT %(most)s
),
runs AS (
  SELECT r.id, r.handoff_id, r.stage, r.deliveries, r.alone FROM ingestion_ingestrun r
  WHERE r.id = ANY (ARRAY(SELECT id FROM line WHERE kind = 'due')) AND r.status || '' IN ('pending', 'retry_wait')
  ORDER BY r.id FOR UPDATE SKIP LOCKED
),
crashed AS MATERIALIZED (
  SELECT p.payload_id FROM ingestion_ingestrun o JOIN handoffs_handoff p ON p.id = o.handoff_id WHERE o.crashes > 0
),
handoffs AS (
  SELECT h.id, h.size_bytes, h.traceparent, h.payload_id IN (SELECT payload_id FROM crashed) AS alone
  FROM handoffs_handoff h
  WHERE h.id = ANY (ARRAY(SELECT id FROM line WHERE kind = 'fresh')) AND h.status || '' = 'pending'
  ORDER BY h.id FOR UPDATE SKIP LOCKED
)
SELECT runs.id, runs.handoff_id, runs.stage, runs.deliveries, runs.alone, h.size_bytes, h.traceparent,
       line.class, line.place, line.kind
FROM line JOIN runs ON line.kind = 'due' AND runs.id = line.id JOIN handoffs_handoff h ON h.id = runs.handoff_id
UNION ALL
SELECT NULL, handoffs.id, %(first)s, 0, handoffs.alone, handoffs.size_bytes, handoffs.traceparent,
       line.class, line.place, line.kind
FROM line JOIN handoffs ON line.kind = 'fresh' AND handoffs.id = line.id
ORDER BY class, place, kind
"""
FLIGHT = """
INSERT INTO ingestion_flight (source_id, status, reason, stage, fence, worker, lease_until, runs_aboard, size_bytes,
                              traceparent)
VALUES (%(source)s, 'open', 'admitted', %(stage)s, 0, '', now() + %(lease)s * interval '1 s', %(runs)s, %(bytes)s,
        %(trace)s)
RETURNING id
"""
# The same key gives the same run: a handoff opened once is run once.
RUNS = """
INSERT INTO ingestion_ingestrun (handoff_id, reflection_id, source_id, idempotency_key, priority, status, reason, stage,
                                 flight_id, attempts, deliveries, crashes, failure, detail)
SELECT h.id, %(reflection)s, h.source_id, h.reference_id || ':' || h.payload_id || ':' || h.opened, h.priority,
       'running', 'admitted', 'fetch', %(flight)s, 0, 1, 0, '', ''
FROM handoffs_handoff h WHERE h.id = ANY(%(handoffs)s) ORDER BY h.id
ON CONFLICT (idempotency_key) DO NOTHING
"""
TURNS = """
INSERT INTO ingestion_turn (source_id, began, finish, next_slot)
SELECT * FROM unnest(%(sources)s::bigint[], %(began)s::float[], %(finish)s::float[], %(slots)s::timestamptz[]) given
ORDER BY 1
ON CONFLICT (source_id) DO UPDATE SET began = EXCLUDED.began, finish = EXCLUDED.finish, next_slot = EXCLUDED.next_slot
"""
HOLD = """
INSERT INTO ingestion_turn AS t (source_id, began, finish, not_before)
VALUES (%(source)s, 0, 0, now() + %(seconds)s * interval '1 s')
ON CONFLICT (source_id) DO UPDATE SET not_before = greatest(t.not_before, EXCLUDED.not_before)
"""


@dataclass(frozen=True)
class Passenger:
    """What goes aboard: a run that is due, or a fresh handoff, for which `run_id` is None."""

    run_id: int | None
    handoff_id: int
    stage: str
    deliveries: int
    alone: bool
    size_bytes: int
    traceparent: str


@dataclass
class Round:
    """What one look at the ledger showed, and what has come of it: `turns` is who was served, and how far he is now."""

    now: datetime
    state: State
    reflections: dict[int, int]
    opened: list[Departure] = field(default_factory=list)
    turns: dict[int, tuple[float, float, datetime | None]] = field(default_factory=dict)

    def charge(self, admission: Admission, runs: int) -> None:
        """Count what went on the flight, which may be less than was decided, against the source's share and rate."""
        source = next(source for source in self.state.sources if source.id == admission.source_id)
        slot = self.turns[source.id][2] if source.id in self.turns else source.next_slot
        profile = self.state.profiles[source.kind]
        slot = fairness.next_slot(slot, runs, profile, self.now)
        self.turns[source.id] = (admission.start, admission.finish(runs, source.weight), slot)


def tick() -> int:
    """Open the flights that there is room for and ring for each; return how many. One process at a time decides."""
    dry: set[int] = set()  # sources whose waiting work cannot go yet
    opened = 0
    while True:
        known = len(dry)
        flights = _admit(dry)
        for flight in flights:
            ring(flight)
        opened += len(flights)
        if not flights and len(dry) == known:
            return opened


def hold(source_id: int, seconds: float) -> None:
    """Admit nothing of the source for so long: its remote side asked us to wait. The longest wait stands."""
    statements.run(HOLD, {"source": source_id, "seconds": seconds})


def _admit(dry: set[int]) -> list[Departure]:
    """Open a few flights in a transaction of their own; none if there is no room, no work, or another one dispatches.

    Adds to `dry` the sources of which nothing could go.
    """
    with transaction.atomic(durable=True):
        [(alone, now)] = statements.rows("SELECT pg_try_advisory_xact_lock(%s), now()", [DISPATCH_LOCK])
        if not alone:
            return []
        look = _look(now, dry)
        if look is None:
            return []
        for admission in fairness.decide(look.state, now, most=AT_ONCE):
            if admission.source_id not in dry:
                _fill(look, admission, dry)
        if not look.opened:
            return []
        _remember(look)
        reached("dispatch.before_commit")
    reached("dispatch.after_commit")
    return look.opened


def _look(now: datetime, dry: set[int]) -> Round | None:
    """Take the snapshot to decide on; None when there is no room."""
    open_of = {source_id: (kind, count) for source_id, kind, count in statements.rows(FLYING)}
    room = settings.OPEN_FLIGHTS - sum(count for _, count in open_of.values())
    if room <= 0:
        return None
    statements.run(FREE)
    rows = statements.rows(
        SNAPSHOT, {"runs": settings.FLIGHT_RUNS, "room": min(room, AT_ONCE), "few": min(settings.FLIGHT_RUNS, FEW)}
    )
    sources = [
        _source(list(of), open_of) for source_id, of in groupby(rows, lambda row: row[0]) if source_id not in dry
    ]
    *_, counted_to, virtual = rows[0] if rows else (fairness.MUCH, 0.0)
    flying: dict[str, int] = {}
    for kind, count in open_of.values():
        flying[kind] = flying.get(kind, 0) + count
    state = State(
        sources,
        flying,
        settings.OPEN_FLIGHTS,
        settings.FLIGHT_RUNS,
        settings.FLIGHT_BYTES,
        {source.kind: connectors.profile(source.kind) for source in sources},
        virtual,
        counted_to,
    )
    return Round(now, state, {row[0]: row[1] for row in rows})


def _source(rows: Sequence[tuple[Any, ...]], open_of: dict[int, tuple[str, int]]) -> Source:
    source_id, _, kind, weight, finish, paused, not_before, next_slot, *_ = rows[0]
    waiting = tuple(Waiting(priority, count, oldest) for *_, priority, count, oldest, _, _ in rows)
    _, flying = open_of.get(source_id, (kind, 0))
    return Source(source_id, kind, weight, waiting, flying, finish, paused, not_before, next_slot)


def _fill(look: Round, admission: Admission, dry: set[int]) -> None:
    """Put the source's next work on a flight; it is dry if there is none that can go."""
    found = statements.rows(
        NEXT,
        {
            "source": admission.source_id,
            "most": admission.runs,
            "worst": admission.worst,
            "aging": fairness.AGING.total_seconds(),
            "first": ORDER[0],
        },
    )
    aboard = _fitting((Passenger(*row[:7]) for row in found), admission.size_bytes)
    if not aboard:
        dry.add(admission.source_id)
        return
    first = min((passenger.stage for passenger in aboard), key=ORDER.index)
    size_bytes = sum(passenger.size_bytes for passenger in aboard)
    told: dict[str, Told] = {"source": admission.source_id, "stage": first, "runs": len(aboard), "bytes": size_bytes}
    # a flight goes on with the trace of what brought its first run, and knows of the others
    brought, *others = dict.fromkeys(one.traceparent for one in aboard if one.traceparent) or [""]
    with chosen_traces().span("dispatch", parent=brought, links=others, **told) as span:
        given = {**told, "lease": settings.LEASE_S, "trace": span.traceparent}
        [(flight_id,)] = statements.rows(FLIGHT, given)
        span.note(flight=flight_id)
        _board(look.reflections[admission.source_id], flight_id, aboard)
    look.charge(admission, len(aboard))
    look.opened.append(Departure(flight_id, first, admission.source_id, len(aboard), size_bytes, span.traceparent))


def _fitting(waiting: Iterable[Passenger], limit_bytes: int) -> list[Passenger]:
    """Who goes while the flight's bytes last: the first one whatever its size, and no other if it flies alone."""
    aboard: list[Passenger] = []
    used = 0
    for passenger in waiting:
        if not aboard or (not passenger.alone and used + passenger.size_bytes <= limit_bytes):
            aboard.append(passenger)
            used += passenger.size_bytes
        if aboard[0].alone:
            break
    return aboard


def _board(reflection_id: int, flight_id: int, aboard: Sequence[Passenger]) -> None:
    steps = []
    fresh = [passenger.handoff_id for passenger in aboard if passenger.run_id is None]
    if fresh:
        statements.run(RUNS, {"reflection": reflection_id, "flight": flight_id, "handoffs": fresh})
    if again := {passenger.run_id: passenger.deliveries + 1 for passenger in aboard if passenger.run_id is not None}:
        steps.append(
            RUN.step(
                IngestRun.objects.filter(pk__in=list(again)),
                was={"pending", "retry_wait"},
                to="running",
                reason=Reason.ADMITTED,
                by=BY,
                flight=flight_id,
                next_attempt_at=None,
                deliveries=again,
            )
        )
    waiting = Handoff.objects.filter(pk__in=[passenger.handoff_id for passenger in aboard])
    steps.append(HANDOFF.step(waiting, was={"pending"}, to="queued", reason=Reason.ADMITTED, by=BY))
    take(*steps)


def _remember(look: Round) -> None:
    began, finish, slots = zip(*look.turns.values(), strict=True)
    statements.run(
        TURNS, {"sources": list(look.turns), "began": list(began), "finish": list(finish), "slots": list(slots)}
    )
