"""What Prometheus scrapes: read from the ledger and what was summed up of it, so that any process answers alike.

Counters and the histogram count since midnight (UTC): the few rows of one day are read, however old the ledger is, and
Prometheus takes the fall at midnight for the restart that its `rate` and `increase` expect. Labels are bounded:
statuses, reasons, stages, and the ids of sources, whose names may be private.
"""

from collections import defaultdict
from collections.abc import Iterator

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from console.health import bounded
from console.models import Span
from console.overview import ON_DUTY
from console.rolling import standing
from ingestion import alive
from ingestion.clock import CLOCK_LOCK
from ingestion.duty import DUTY_LOCK
from ingestion.stages import ORDER
from ledger import auditlog, statements

PREFIX = "sluicegate"
WITHIN_S = 8.0  # Prometheus waits for ten seconds
SOURCES = 1_000  # told of; those that want something first
OCTAVE, LARGEST = (
    4,
    22,
)  # buckets of console.models.Latency to a doubling; the last one told ends at 2^22 ms, 70 minutes

OUTCOMES = """
SELECT lifecycle, became, reason, times FROM console_tally
WHERE source_id IS NULL AND span = %(span)s AND at = date_bin('1 day', now(), 'epoch') ORDER BY 1, 2, 3
"""
STAGES = """
SELECT stage, bucket, times FROM console_latency
WHERE source_id IS NULL AND span = %(span)s AND at = date_bin('1 day', now(), 'epoch') ORDER BY 1, 2
"""
USAGE = """
SELECT stage, cpu_s, size_bytes, items, waited_s, peak_bytes FROM console_usage
WHERE source_id IS NULL AND span = %(span)s AND at = date_bin('1 day', now(), 'epoch') ORDER BY 1
"""
TROUBLES = """
SELECT failure, sum(times)::bigint FROM console_trouble
WHERE span = %(span)s AND at = date_bin('1 day', now(), 'epoch') GROUP BY 1 ORDER BY 1
"""
SOURCE = """
SELECT s.id, s.kind, s.paused, s.last_error <> '', s.deletions_held, extract(epoch FROM now() - n.at)::float
FROM handoffs_source s LEFT JOIN console_newest n ON n.source_id = s.id
ORDER BY s.paused OR s.last_error <> '' OR s.deletions_held > 0 DESC, s.id LIMIT %(most)s
"""


def exposition() -> bytes:
    """Everything in Prometheus's text format; while the database is silent, that it is, and what the broker says."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Ledger())
    return generate_latest(registry)


class Ledger(Collector):
    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(f"{PREFIX}_build", "What is running.", {"version": settings.VERSION})
        try:
            told = bounded(of_the_ledger, WITHIN_S)
        except (OperationalError, InterfaceError, TimeoutError):
            told = []
        yield GaugeMetricFamily(f"{PREFIX}_database_up", "1 while the database answers.", float(bool(told)))
        yield from told
        yield from _workers()


def of_the_ledger() -> list[Metric]:
    """Eight statements, whose cost does not follow the size of the ledger."""
    return [*_outcomes(), _stages(), *_usage(), _troubles(), *_standing(), *_sources(), *_on_duty(), _unsealed()]


def _outcomes() -> Iterator[Metric]:
    told = CounterMetricFamily(
        f"{PREFIX}_transitions", "Rows that came to a status today.", labels=["lifecycle", "status", "reason"]
    )
    for lifecycle, became, reason, times in statements.rows(OUTCOMES, {"span": Span.DAY}):
        told.add_metric([lifecycle, became, reason], times)
    yield told


def _stages() -> Metric:
    told = HistogramMetricFamily(
        f"{PREFIX}_stage_seconds",
        "How long runs took through a stage today, the wait for a worker included; the sum is of the buckets' ends.",
        labels=["stage"],
    )
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for stage, bucket, times in statements.rows(STAGES, {"span": Span.DAY}):
        found[stage][bucket] = times
    for stage in ORDER:
        seen = found[stage]
        ends = {
            str(2**n / 1000): sum(times for bucket, times in seen.items() if bucket <= n * OCTAVE)
            for n in range(LARGEST + 1)
        }
        ends["+Inf"] = sum(seen.values())
        seconds = sum(times * 2 ** (bucket / OCTAVE) / 1000 for bucket, times in seen.items())
        told.add_metric([stage], list(ends.items()), seconds)
    return told


def _usage() -> Iterator[Metric]:
    def counter(name: str, says: str) -> CounterMetricFamily:
        return CounterMetricFamily(f"{PREFIX}_stage_{name}", says, labels=["stage"])

    told: tuple[CounterMetricFamily | GaugeMetricFamily, ...] = (
        counter("cpu_seconds", "CPU time that a stage took today."),
        counter("bytes", "Payload bytes that went through a stage today."),
        counter("items", "Passages or patches that a stage had today."),
        counter("queue_seconds", "How long flights waited for a worker before a stage today."),
        GaugeMetricFamily(f"{PREFIX}_stage_peak_bytes", "The most memory of a worker's process.", labels=["stage"]),
    )
    for stage, *values in statements.rows(USAGE, {"span": Span.DAY}):
        for family, value in zip(told, values, strict=True):
            family.add_metric([stage], value)
    yield from told


def _troubles() -> Metric:
    told = CounterMetricFamily(f"{PREFIX}_failures", "Runs that failed today, by class.", labels=["failure"])
    for failure, times in statements.rows(TROUBLES, {"span": Span.DAY}):
        told.add_metric([failure], times)
    return told


def _standing() -> Iterator[Metric]:
    now = standing()
    yield GaugeMetricFamily(f"{PREFIX}_waiting", "Handoffs and runs that could go now.", now.waiting)
    yield GaugeMetricFamily(f"{PREFIX}_oldest_waiting_seconds", "How long the oldest of them has waited.", now.oldest_s)
    yield GaugeMetricFamily(f"{PREFIX}_open_flights", "Flights under way.", now.flights)
    yield GaugeMetricFamily(f"{PREFIX}_quarantined", "Runs that wait for a person.", now.quarantined)
    yield GaugeMetricFamily(f"{PREFIX}_in_review", "Batches that wait for a person.", now.in_review)


def _sources() -> Iterator[Metric]:
    def gauge(name: str, says: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"{PREFIX}_source_{name}", says, labels=["source", "kind"])

    paused = gauge("paused", "1 while the source is paused.")
    failing = gauge("failing", "1 while its last listing failed.")
    held = gauge("deletions_held", "Items that are absent and wait for a person's word.")
    age = gauge("newest_age_seconds", "How long ago something of it was last found live.")
    for pk, kind, is_paused, is_failing, deletions, seconds in statements.rows(SOURCE, {"most": SOURCES}):
        labels = [str(pk), kind]
        paused.add_metric(labels, float(is_paused))
        failing.add_metric(labels, float(is_failing))
        held.add_metric(labels, deletions)
        if seconds is not None:
            age.add_metric(labels, seconds)
    yield from (paused, failing, held, age)


def _unsealed() -> Metric:
    says = "How long after the last seal of the audit log its newest event happened."
    return GaugeMetricFamily(f"{PREFIX}_audit_unsealed_seconds", says, auditlog.behind_s())


def _on_duty() -> Iterator[Metric]:
    [(dispatcher, clock)] = statements.rows(ON_DUTY, {"dispatcher": DUTY_LOCK, "clock": CLOCK_LOCK})
    yield GaugeMetricFamily(f"{PREFIX}_dispatcher_on_duty", "1 while a dispatcher is on duty.", float(dispatcher))
    yield GaugeMetricFamily(f"{PREFIX}_clock_on_duty", "1 while a clock calls out the times.", float(clock))


def _workers() -> Iterator[Metric]:
    try:
        heard = alive.heard()
    except redis.RedisError:
        yield GaugeMetricFamily(f"{PREFIX}_broker_up", "1 while the broker answers.", 0.0)
        return
    yield GaugeMetricFamily(f"{PREFIX}_broker_up", "1 while the broker answers.", 1.0)
    lively = sum(not one.silent for one in heard)
    yield GaugeMetricFamily(f"{PREFIX}_workers", "Workers that were heard of within half a minute.", lively)
