"""Sum the ledger up by minute, hour and day: a page of new rows at each of the dispatcher's rounds.

The ledger's rows are numbered when they are written and seen when they are committed, so that a number below the
highest one may still be to come. Who writes to a table holds a lock on it before the row gets its number: rows are
counted up to a number once all who held that lock when it was the highest have ended. So none is missed, and none is
counted twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from console.models import Gauge, Mark
from ingestion.attention import TRIED_AGAIN
from ledger import statements

PAGE = 20_000  # rows of the ledger in one round
COUNTED = 10_000
COUNTED_OF_EACH = 1_000  # source, once a minute
STATEMENT_TIMEOUT_MS = 5_000
SPANNED = ("console_tally", "console_latency", "console_usage", "console_trouble", "console_backlog")
PRUNED = 2_000  # rows at a time

SPANS = "(VALUES (60), (3600), (86400)) s(span)"


def _latencies(passed: str) -> str:
    """The statement that counts how long runs took through stages: `passed` is who, which, when, after what.

    From the stage before, or from the run's last move to a flight: waiting for a person or a retry is no latency.
    """
    return f"""
INSERT INTO console_latency (span, at, source_id, stage, bucket, times)
SELECT span, date_bin(span * interval '1 s', ended, 'epoch'), source_id, stage,
       ceil(4 * log(2, greatest(1, 1000 * extract(epoch FROM ended - began))))::int, count(*)
FROM (
  SELECT r.source_id, p.stage, p.ended, greatest(r.created_at, p.before, (
    SELECT max(e.at) FROM ledger_event e
    WHERE e.lifecycle = 'run' AND e.row_id = p.run_id AND e.became = 'running' AND e.at <= p.ended)) AS began
  FROM ({passed}) p JOIN ingestion_ingestrun r ON r.id = p.run_id
) timed CROSS JOIN {SPANS} GROUP BY GROUPING SETS ((1, 2, 3, 4, 5), (1, 2, 4, 5)) ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (span, at, source_id, stage, bucket) DO UPDATE SET times = console_latency.times + EXCLUDED.times
"""  # noqa: S608  our own text


def _troubles(seen: str) -> str:
    """The statement that counts failures by class: `seen` is when, of which source, which class, how many."""
    return f"""
INSERT INTO console_trouble (span, at, source_id, failure, times)
SELECT span, date_bin(span * interval '1 s', at, 'epoch'), source_id, failure, sum(times)
FROM ({seen}) t CROSS JOIN {SPANS} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (span, at, source_id, failure) DO UPDATE SET times = console_trouble.times + EXCLUDED.times
"""  # noqa: S608  our own text


APPLIED = """
SELECT page.row_id AS run_id, 'apply' AS stage, page.at AS ended, (
    SELECT max(o.created_at) FROM ingestion_stageoutput o WHERE o.run_id = page.row_id) AS before
FROM page WHERE lifecycle = 'run' AND became = 'completed'
"""
# Whoever dies with runs aboard writes nothing of them; the sweep does.
CRASHED = """
SELECT at, source_id, 'crash' AS failure, 1 AS times FROM page
WHERE lifecycle = 'run' AND was = 'running' AND reason IN ('lease_lost', 'poison')
"""
EVENTS = f"""
WITH page AS (
  SELECT e.row_id, e.at, e.lifecycle, e.was, e.became, e.reason,
         coalesce(r.source_id, h.source_id, b.source_id) AS source_id
  FROM ledger_event e
  LEFT JOIN ingestion_ingestrun r ON e.lifecycle = 'run' AND r.id = e.row_id
  LEFT JOIN handoffs_handoff h ON e.lifecycle = 'handoff' AND h.id = e.row_id
  LEFT JOIN patches_patchbatch b ON e.lifecycle = 'batch' AND b.id = e.row_id
  WHERE e.id > %(seen)s AND e.id <= %(upto)s AND e.lifecycle IN ('run', 'handoff', 'batch')
    AND e.was <> e.became -- a word on what stays as it is
),
newest AS (
  INSERT INTO console_newest (source_id, at)
  SELECT source_id, max(at) FROM page
  WHERE lifecycle = 'run' AND became IN ('completed', 'duplicate_skipped') GROUP BY 1
  ON CONFLICT (source_id) DO UPDATE SET at = greatest(console_newest.at, EXCLUDED.at)
),
applied AS ({_latencies(APPLIED)}),
crashed AS ({_troubles(CRASHED)})
INSERT INTO console_tally (span, at, lifecycle, source_id, became, reason, times)
SELECT span, date_bin(span * interval '1 s', at, 'epoch'), lifecycle, source_id, became, reason, count(*)
FROM page CROSS JOIN {SPANS} GROUP BY GROUPING SETS ((1, 2, 3, 4, 5, 6), (1, 2, 3, 5, 6))
HAVING source_id IS NOT NULL OR grouping(source_id) = 1 ORDER BY 1, 2, 3, 4, 5, 6
ON CONFLICT (span, at, lifecycle, source_id, became, reason) DO UPDATE SET times = console_tally.times + EXCLUDED.times
"""  # noqa: S608  our own text
# The other stages leave something behind when they are done.
PASSED = """
SELECT o.run_id, o.stage, o.created_at AS ended, (
    SELECT max(p.created_at) FROM ingestion_stageoutput p WHERE p.run_id = o.run_id AND p.id < o.id) AS before
FROM ingestion_stageoutput o WHERE o.id > %(seen)s AND o.id <= %(upto)s
"""
OUTPUTS = _latencies(PASSED)
FAILED = """
SELECT ended_at AS at, source_id, failure.key AS failure, failure.value::bigint AS times
FROM page CROSS JOIN LATERAL jsonb_each_text(failures) AS failure
"""
VISITS = f"""
WITH page AS (SELECT * FROM ingestion_visit WHERE id > %(seen)s AND id <= %(upto)s),
failed AS ({_troubles(FAILED)})
INSERT INTO console_usage (span, at, source_id, stage, visits, runs, items, size_bytes, waited_s, took_s, cpu_s,
                           peak_bytes)
SELECT span, date_bin(span * interval '1 s', ended_at, 'epoch'), source_id, stage, count(*), sum(cardinality(runs)),
       sum((SELECT sum(n) FROM unnest(items) AS i(n))), sum(size_bytes), sum(waited_s), sum(took_s), sum(cpu_s),
       max(peak_bytes)
FROM page CROSS JOIN {SPANS} GROUP BY GROUPING SETS ((1, 2, 3, 4), (1, 2, 4)) ORDER BY 1, 2, 3, 4
ON CONFLICT (span, at, source_id, stage) DO UPDATE SET
  visits = console_usage.visits + EXCLUDED.visits, runs = console_usage.runs + EXCLUDED.runs,
  items = console_usage.items + EXCLUDED.items, size_bytes = console_usage.size_bytes + EXCLUDED.size_bytes,
  waited_s = console_usage.waited_s + EXCLUDED.waited_s, took_s = console_usage.took_s + EXCLUDED.took_s,
  cpu_s = console_usage.cpu_s + EXCLUDED.cpu_s, peak_bytes = greatest(console_usage.peak_bytes, EXCLUDED.peak_bytes)
"""  # noqa: S608  our own text
HIGHEST = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table}_id_seq"
WRITERS = """
SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{{}}') FROM pg_locks
WHERE locktype = 'relation' AND relation = '{table}'::regclass AND mode = 'RowExclusiveLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
"""
# What could go now or is held up, counted from indexes and no further than it is shown.
THEIRS = "(%(sources)s::bigint[] IS NULL OR source_id = ANY(%(sources)s))"
STANDING = f"""
SELECT date_trunc('minute', now()) AS at, fresh.rows + due.rows AS waiting,
  coalesce(extract(epoch FROM now() - least(fresh.oldest, due.oldest)), 0)::float AS oldest_s,
  (SELECT count(*) FROM ingestion_flight WHERE status = 'open' AND {THEIRS}) AS flights,
  (SELECT count(*) FROM (
     SELECT FROM ingestion_ingestrun WHERE status = 'quarantined' AND {THEIRS} LIMIT %(most)s) q) AS quarantined,
  (SELECT count(*) FROM (
     SELECT FROM patches_patchbatch WHERE status = 'in_review' AND {THEIRS} LIMIT %(most)s) v) AS in_review
FROM (SELECT count(*) AS rows, min(since) AS oldest FROM (
        SELECT since FROM handoffs_handoff WHERE status = 'pending' AND {THEIRS} LIMIT %(most)s) f) fresh,
     (SELECT count(*) AS rows, min(next_attempt_at) AS oldest FROM (
        SELECT next_attempt_at FROM ingestion_ingestrun WHERE status IN ('pending', 'retry_wait')
          AND waits_for_id IS NULL AND next_attempt_at <= now() AND {THEIRS} LIMIT %(most)s) d) due
"""  # noqa: S608  our own text
GAUGE = f"""
INSERT INTO console_gauge (at, waiting, oldest_s, flights, quarantined, in_review) {STANDING} ON CONFLICT DO NOTHING
"""
# The same of each source that has something waiting, from the indexes that dispatch takes it by.
BACKLOG = f"""
INSERT INTO console_backlog (span, at, source_id, waiting, oldest_s)
SELECT span, date_bin(span * interval '1 s', now(), 'epoch'), one.id, fresh.rows + due.rows,
       extract(epoch FROM now() - least(fresh.oldest, due.oldest))
FROM handoffs_source one
CROSS JOIN LATERAL (SELECT count(*) AS rows, min(since) AS oldest FROM (
  SELECT since FROM handoffs_handoff WHERE source_id = one.id AND status = 'pending' LIMIT %(most)s) f) fresh
CROSS JOIN LATERAL (SELECT count(*) AS rows, min(next_attempt_at) AS oldest FROM (
  SELECT next_attempt_at FROM ingestion_ingestrun WHERE source_id = one.id AND status IN ('pending', 'retry_wait')
    AND waits_for_id IS NULL AND next_attempt_at <= now() LIMIT %(most)s) d) due
CROSS JOIN {SPANS} WHERE fresh.rows + due.rows > 0 ORDER BY 1, 2, 3
ON CONFLICT (span, at, source_id) DO UPDATE SET
  waiting = greatest(console_backlog.waiting, EXCLUDED.waiting),
  oldest_s = greatest(console_backlog.oldest_s, EXCLUDED.oldest_s)
"""  # noqa: S608  our own text
PRUNE = """
DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table}
  WHERE span = %(span)s AND at < now() - %(days)s * interval '1 day' LIMIT %(rows)s)
"""
PRUNE_GAUGES = "DELETE FROM console_gauge WHERE at < now() - %(days)s * interval '1 day'"


@dataclass(frozen=True)
class Feed:
    """A table of the ledger, and the statement for its rows `seen` < id ≤ `upto`, of which there are `most` at once."""

    table: str
    sums: str
    most: int = PAGE


FEEDS: Mapping[str, Feed] = {
    "events": Feed("ledger_event", EVENTS),
    "outputs": Feed("ingestion_stageoutput", OUTPUTS),
    "visits": Feed("ingestion_visit", VISITS),
    "attempts": Feed("ingestion_ingestrun", TRIED_AGAIN, most=5_000),
}


def standing(sources: Sequence[int] | None = None) -> Gauge:
    """How deep the queue is now, of all sources or of these; `at` is the beginning of this minute."""
    asks = {"most": COUNTED, "sources": None if sources is None else list(sources)}
    [(at, waiting, oldest_s, flights, quarantined, in_review)] = statements.rows(STANDING, asks)
    return Gauge(at, waiting, oldest_s, flights, quarantined, in_review)


def roll() -> int:
    """Sum up the next page of each feed; return how many ids that covered, 0 when all is summed up.

    A constant number of statements, whatever the ledger's size, and catches up by itself after a pause.
    """
    covered = 0
    for name, feed in FEEDS.items():
        with transaction.atomic(durable=True):
            statements.run(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            covered += _advance(name, feed)
    with transaction.atomic(durable=True):
        statements.run(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        if statements.run(GAUGE, {"most": COUNTED, "sources": None}):
            statements.run(BACKLOG, {"most": COUNTED_OF_EACH})
            _prune()
    return covered


def _advance(name: str, feed: Feed) -> int:
    Mark.objects.bulk_create([Mark(feed=name)], ignore_conflicts=True)
    mark = Mark.objects.select_for_update().get(feed=name)  # of two dispatchers one counts
    upto, waited_for = mark.upto, set(mark.writers)
    if mark.seen == upto:
        # in this order: whoever got a number up to this one is among the writers, or has ended
        [(upto,)] = statements.rows(HIGHEST.format(table=feed.table))
        if upto == mark.seen:
            return 0
        waited_for = _writers(feed)
    writers = waited_for & _writers(feed)
    seen = mark.seen
    if not writers:
        seen = min(upto, mark.seen + min(PAGE, feed.most))
        statements.run(feed.sums, {"seen": mark.seen, "upto": seen})
    Mark.objects.filter(pk=name).update(seen=seen, upto=upto, writers=sorted(writers))
    return seen - mark.seen


def _writers(feed: Feed) -> set[str]:
    [(found,)] = statements.rows(WRITERS.format(table=feed.table))
    return set(found)


def _prune() -> None:
    """Once a minute: forget what is shown no more, some rows at a time."""
    for span, days in settings.KEPT_DAYS.items():  # days are kept for ever
        for table in SPANNED:
            statements.run(PRUNE.format(table=table), {"span": span, "days": days, "rows": PRUNED})
    statements.run(PRUNE_GAUGES, {"days": settings.KEPT_DAYS[3600]})
