"""A small source beside a noisy one: how long its items wait, with real dispatcher and worker processes."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

from django.db import transaction

from benchmarks.filling import PAGE, empty
from benchmarks.report import ROOT, Report
from benchmarks.workers import worker
from handoffs.intake import Arrival, receive
from handoffs.models import Source
from ingestion.connectors import DEFAULT
from ingestion.dispatch import wake
from ingestion.ingesting import register
from ledger import statements

APP = "benchmarks.noop_app"
ITEMS = 100
APART_S = 0.1  # between two items of the small source
# From a handoff to its place on a flight, and to the end of its run.
WAITS = """
SELECT extract(epoch FROM queued.at - h.created_at)::float, extract(epoch FROM ended.at - h.created_at)::float
FROM handoffs_handoff h
JOIN LATERAL (SELECT min(at) FROM ledger_event WHERE lifecycle = 'handoff' AND row_id = h.id AND became = 'queued')
  queued(at) ON true
JOIN LATERAL (SELECT min(at) FROM ledger_event WHERE lifecycle = 'handoff' AND row_id = h.id AND became = 'ingested')
  ended(at) ON true
WHERE h.source_id = %(source)s
"""
LEFT = "SELECT count(*) FROM handoffs_handoff WHERE source_id = %s AND status IN ('pending', 'queued', 'ingesting')"


def measure(report: Report, *, noise: int, concurrency: int) -> None:
    """Deliver the small source's items one by one, alone and then beside `noise` items that wait already."""
    alone, _ = _waits(0, concurrency)
    beside, left = _waits(noise, concurrency)
    if not left:
        raise SystemExit("the noisy source was done before the small one: the measurement is void")
    for n, what in enumerate(("to its flight", "to its end")):
        one, other = _p95(alone, n), _p95(beside, n)
        report.fairness[what] = {"alone_s": one, "beside_s": other, "ratio": other / one}
        print(f"  small source, p95 {what}: {one:.3f} s alone, {other:.3f} s beside {noise}, RATIO {other / one:.2f}")


def _waits(noise: int, concurrency: int) -> tuple[list[tuple[float, float]], int]:
    empty()
    small, noisy = (register("bench", DEFAULT, name, {"root": f"/{name}"}) for name in ("small", "noisy"))
    for start in range(0, noise, PAGE):
        _deliver(noisy, range(start, min(start + PAGE, noise)))
    with worker(APP, concurrency=concurrency), _dispatcher():
        _deliver(noisy, [noise])  # who waits for the processes' start is not counted
        _until(lambda: statements.rows(LEFT, [noisy.pk])[0][0] <= noise)
        for n in range(ITEMS):
            _deliver(small, [n])
            time.sleep(APART_S)
        _until(lambda: statements.rows(LEFT, [small.pk]) == [(0,)])
        [(left,)] = statements.rows(LEFT, [noisy.pk])
    return statements.rows(WAITS, {"source": small.pk}), left


def _deliver(source: Source, numbers: Sequence[int]) -> None:
    arrivals = []
    for n in numbers:
        data = f"{source.name} {n}".encode()
        arrivals.append(Arrival(f"item-{n}.txt", "1", len(data), hashlib.sha256(data).hexdigest()))
    with transaction.atomic(durable=True):
        receive(source, arrivals)
    wake()


@contextmanager
def _dispatcher() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "dispatcher"], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _until(true: Any, within_s: float = 600) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing came of it within {within_s:.0f} s: the measurement is void")
        time.sleep(0.05)


def _p95(waits: Sequence[tuple[float, float]], which: int) -> float:
    return quantiles([wait[which] for wait in waits], n=20)[-1]
