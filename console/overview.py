"""What an operator sees first: how learning went over a time, and how it stands. Read from the few rows summed up.

The number of statements is constant, and so is what they read: neither follows the size of the ledger.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
from django.db import transaction

from console.drawing import Chart
from console.models import Gauge
from console.rolling import COUNTED, standing
from ingestion import alive
from ingestion.attention import outstanding
from ingestion.clock import CLOCK_LOCK
from ingestion.depths import InTheAir, in_the_air
from ingestion.duty import DUTY_LOCK
from ingestion.models import IngestRun
from ingestion.quarantine import Group, groups
from ingestion.stages import ORDER
from ledger import statements

STATEMENT_TIMEOUT_MS = 3_000
NOTHING_WAITED = "Nothing waited in this time."
REASONS, SOURCES, GROUPS = 8, 15, 8  # lines shown
ENDED = ("completed", "duplicate_skipped", "eval_rejected", "failed", "quarantined", "cancelled")
DECIDED = ("approved", "in_review", "rejected")
MISSED = ("eval_rejected", "failed", "quarantined", "cancelled", "retry_wait", "in_review")


@dataclass(frozen=True)
class Range:
    """A time up to now, in `bins` of `bin_s` seconds, read from rows that sum up `span` seconds each."""

    name: str
    span: int
    bin_s: int
    bins: int


RANGES = {
    one.name: one
    for one in (
        Range("1h", 60, 60, 60),
        Range("6h", 60, 300, 72),
        Range("24h", 3600, 3600, 24),
        Range("7d", 3600, 3 * 3600, 56),
        Range("30d", 86400, 86400, 30),
    )
}

# Whose rows of what is summed up: those that sum up all sources, or those of some.
OF_ALL, OF_SOME = "source_id IS NULL", "source_id = ANY(%(sources)s)"
NOW = "SELECT now(), date_bin(%(bin)s * interval '1 s', now(), 'epoch')"
WITHIN = """
FROM console_tally WHERE span = %(span)s AND at >= %(start)s AND lifecycle = %(lifecycle)s AND became = ANY(%(became)s)
  AND {whose}
"""
OVER_TIME = f"""
SELECT became, date_bin(%(bin)s * interval '1 s', at, 'epoch'), sum(times)::bigint {WITHIN} GROUP BY 1, 2
"""
MOST = f"""
WITH seen AS (
  SELECT became, reason, date_bin(%(bin)s * interval '1 s', at, 'epoch') AS at, sum(times)::bigint AS times {WITHIN}
  GROUP BY 1, 2, 3),
most AS (SELECT became, reason, sum(times) AS all_of_it FROM seen GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(lines)s)
SELECT became, reason, at, times FROM seen JOIN most USING (became, reason) ORDER BY all_of_it DESC, 1, 2
"""  # noqa: S608  our own text
# Those that want something first, then those that have been silent longest.
FRESH = """
SELECT s.id, r.name || '/' || s.name, s.kind, s.paused, s.paused_why, s.last_error, s.deletions_held,
  extract(epoch FROM now() - n.at)::float
FROM handoffs_source s JOIN handoffs_reflection r ON r.id = s.reflection_id
LEFT JOIN console_newest n ON n.source_id = s.id
WHERE %(sources)s::bigint[] IS NULL OR s.id = ANY(%(sources)s)
ORDER BY s.paused OR s.last_error <> '' OR s.deletions_held > 0 DESC, n.at NULLS FIRST, s.id LIMIT %(lines)s
"""
OF_SOURCES = """
SELECT source_id, became = 'completed', date_bin(%(bin)s * interval '1 s', at, 'epoch'), sum(times)::bigint
FROM console_tally WHERE span = %(span)s AND at >= %(start)s AND lifecycle = 'run' AND became = ANY(%(became)s)
  AND source_id = ANY(%(sources)s) GROUP BY 1, 2, 3
"""
# The bucket in which the share of the runs is reached, for each bin and, where `at` is null, for all of them.
LATENCIES = """
WITH seen AS (
  SELECT stage, date_bin(%(bin)s * interval '1 s', at, 'epoch') AS at, bucket, sum(times)::bigint AS times
  FROM console_latency WHERE span = %(span)s AND at >= %(start)s AND {whose}
  GROUP BY GROUPING SETS ((1, 2, 3), (1, 3))),
ranked AS (
  SELECT stage, at, bucket, sum(times) OVER (PARTITION BY stage, at ORDER BY bucket) AS upto,
    sum(times) OVER (PARTITION BY stage, at) AS all_of_it FROM seen)
SELECT stage, at, max(all_of_it)::bigint, min(bucket) FILTER (WHERE upto >= 0.5 * all_of_it),
  min(bucket) FILTER (WHERE upto >= 0.95 * all_of_it)
FROM ranked GROUP BY 1, 2
"""
GAUGES = """
SELECT date_bin(%(bin)s * interval '1 s', at, 'epoch'), max(waiting), max(oldest_s) FROM console_gauge
WHERE at >= %(start)s GROUP BY 1
"""
BACKLOGS = """
SELECT date_bin(%(bin)s * interval '1 s', at, 'epoch'), max(waiting), max(oldest_s) FROM (
  SELECT at, sum(waiting) AS waiting, max(oldest_s) AS oldest_s FROM console_backlog
  WHERE span = %(span)s AND at >= %(start)s AND source_id = ANY(%(sources)s) GROUP BY 1) together
GROUP BY 1
"""
USED = """
SELECT stage, sum(runs)::bigint, sum(items)::bigint, sum(size_bytes)::bigint, sum(cpu_s), sum(waited_s), max(peak_bytes)
FROM console_usage WHERE span = %(span)s AND at >= %(start)s AND {whose} GROUP BY 1
"""
ON_DUTY = """
SELECT count(*) FILTER (WHERE objid = %(dispatcher)s) > 0, count(*) FILTER (WHERE objid = %(clock)s) > 0
FROM pg_locks WHERE locktype = 'advisory' AND granted
"""


@dataclass(frozen=True)
class Missed:
    """What did not go in, by outcome and reason; `over` is how many of it at each moment."""

    became: str
    reason: str
    over: Sequence[int]

    @property
    def times(self) -> int:
        return sum(self.over)


@dataclass(frozen=True)
class Fresh:
    """A source: how old its newest live item is, what of it went in over the time, and what it waits for."""

    id: int
    name: str
    kind: str
    paused: bool
    paused_why: str
    last_error: str
    deletions_held: int
    age_s: float | None
    applied: Sequence[int] = ()
    missed: Sequence[int] = ()


@dataclass(frozen=True)
class Latency:
    """How long runs took through a stage, the wait for a worker included; `over` is the p95 at each moment."""

    stage: str
    runs: int
    p50_s: float
    p95_s: float
    over: Sequence[float]


@dataclass(frozen=True)
class Used:
    """What flights took at a stage, over all of them; the memory is the most that one visit had."""

    stage: str
    runs: int
    items: int
    size_bytes: int
    cpu_s: float
    waited_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Overview:
    at: datetime
    range: Range
    moments: Sequence[datetime]
    outcomes: Chart
    gate: Chart
    waiting: Chart
    oldest: Chart
    missed: Sequence[Missed]
    sources: Sequence[Fresh]
    latencies: Sequence[Latency]
    used: Sequence[Used]
    standing: Gauge
    attention: int  # runs that failed and wait for an answer
    flights: Sequence[InTheAir]
    groups: Sequence[Group]
    dispatcher: bool  # whether one is on duty
    clock: bool
    heard: Sequence[alive.Heard] | None  # none when the broker is away

    @property
    def applied(self) -> int:
        return int(sum(self.outcomes.series["completed"]))

    @property
    def failed(self) -> int:
        return int(sum(self.outcomes.series["failed"]))

    @property
    def troubled(self) -> int:
        return int(sum(sum(self.outcomes.series[name]) for name in ("failed", "quarantined")))

    @property
    def ended(self) -> int:
        return int(sum(map(sum, self.outcomes.series.values())))


class Window:
    """The moments of a range up to now, and what is needed to ask for them."""

    def __init__(self, range_: Range, sources: Sequence[int] | None) -> None:
        [(self.now, last)] = statements.rows(NOW, {"bin": range_.bin_s})
        self.moments = [last - timedelta(seconds=range_.bin_s * n) for n in reversed(range(range_.bins))]
        self.place = {at: i for i, at in enumerate(self.moments)}
        known = None if sources is None else list(sources)
        self.asks = {"bin": range_.bin_s, "span": range_.span, "start": self.moments[0], "sources": known}
        self.whose = OF_ALL if sources is None else OF_SOME

    def rows(self, statement: str, **more: Any) -> list[tuple[Any, ...]]:
        """What there is within the window, of whom it looks at."""
        return statements.rows(statement.format(whose=self.whose), {**self.asks, **more})

    def spread(self, found: Iterable[tuple[datetime, Any]]) -> list[Any]:
        """The values at their places, with zeros between them."""
        values = [0] * len(self.moments)
        for at, value in found:
            if at in self.place:
                values[self.place[at]] = value
        return values


def look(range_: Range, source: int | None = None, theirs: Sequence[int] | None = None) -> Overview:
    """Look at everything, or at one source where it makes a difference. A constant number of statements.

    With `theirs` nothing is told of other sources than these.
    """
    with transaction.atomic():
        statements.run(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
        window = Window(range_, theirs if source is None else [source])
        waiting, oldest = _depths(window)
        [(dispatcher, clock)] = statements.rows(ON_DUTY, {"dispatcher": DUTY_LOCK, "clock": CLOCK_LOCK})
        return Overview(
            at=window.now,
            range=range_,
            moments=window.moments,
            outcomes=_over_time(window, "Documents by outcome", "run", ENDED),
            gate=_over_time(window, "Decisions of the gate", "batch", DECIDED),
            waiting=waiting,
            oldest=oldest,
            missed=_missed(window),
            sources=_sources(window),
            latencies=_latencies(window),
            used=_used(window),
            standing=standing(theirs),
            attention=outstanding(theirs),
            flights=in_the_air(theirs),
            groups=_groups(theirs),
            dispatcher=dispatcher,
            clock=clock,
            heard=_heard(),
        )


def _over_time(window: Window, title: str, lifecycle: str, became: Sequence[str]) -> Chart:
    found = window.rows(OVER_TIME, lifecycle=lifecycle, became=list(became))
    series = {name: window.spread((at, n) for was, at, n in found if was == name) for name in became}
    return Chart(title, window.moments, series)


def _depths(window: Window) -> tuple[Chart, Chart]:
    found = window.rows(GAUGES if window.asks["sources"] is None else BACKLOGS)
    waiting = window.spread((at, int(n)) for at, n, _ in found)
    oldest = window.spread((at, seconds) for at, _, seconds in found)
    return (
        Chart("Waiting, at most", window.moments, {"waiting": waiting}, measured=True, empty=NOTHING_WAITED),
        Chart("The oldest had waited", window.moments, {"oldest": oldest}, "s", measured=True, empty=NOTHING_WAITED),
    )


def _missed(window: Window) -> list[Missed]:
    found: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
    for became, reason, at, times in window.rows(MOST, lifecycle="run", became=list(MISSED), lines=REASONS):
        found[became, reason].append((at, times))
    return [Missed(became, reason, window.spread(over)) for (became, reason), over in found.items()]


def _sources(window: Window) -> list[Fresh]:
    rows = statements.rows(FRESH, {"sources": window.asks["sources"], "lines": SOURCES})
    asks = {name: window.asks[name] for name in ("bin", "span", "start")}
    found: dict[tuple[int, bool], list[tuple[datetime, int]]] = defaultdict(list)
    for pk, live, at, times in statements.rows(
        OF_SOURCES, {**asks, "sources": [row[0] for row in rows], "became": ["completed", *MISSED]}
    ):
        found[pk, live].append((at, times))
    return [Fresh(*(*row, window.spread(found[row[0], True]), window.spread(found[row[0], False]))) for row in rows]


def _latencies(window: Window) -> list[Latency]:
    found: dict[str, dict[datetime | None, tuple[int, float, float]]] = defaultdict(dict)
    for stage, at, runs, p50, p95 in window.rows(LATENCIES):
        found[stage][at] = (runs, _seconds(p50), _seconds(p95))
    return [
        Latency(
            stage, *found[stage].pop(None), window.spread((at, p95) for at, (_, _, p95) in found[stage].items() if at)
        )
        for stage in ORDER
        if stage in found
    ]


def _used(window: Window) -> list[Used]:
    found = {used.stage: used for used in (Used(*row) for row in window.rows(USED))}
    return [found[stage] for stage in ORDER if stage in found]


def _seconds(bucket: int) -> float:
    """The upper end of a bucket of console.models.Latency."""
    return float(2 ** (bucket / 4)) / 1000


def _groups(theirs: Sequence[int] | None) -> list[Group]:
    waiting = IngestRun.objects.filter(status="quarantined")
    if theirs is not None:
        waiting = waiting.filter(source__in=theirs)
    return groups(waiting.order_by("-pk")[:COUNTED])[:GROUPS]


def _heard() -> list[alive.Heard] | None:
    try:
        return alive.heard()
    except redis.RedisError:
        return None
