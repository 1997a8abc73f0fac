"""Orchestration only: stages that do nothing, every guard on, beside a Celery chain of seven no-op tasks a document."""

import time

from celery import chain, signature
from django.conf import settings
from django.test import override_settings

from benchmarks import broker
from benchmarks.effort import Effort, measured
from benchmarks.filling import empty, fill
from benchmarks.report import Compared, Report
from benchmarks.workers import started, worker
from ingestion import dispatch
from ingestion.ingesting import POLL_S
from ingestion.stages import ORDER
from ledger import statements

APP = "benchmarks.noop_app"
WATCH_S = 0.01
BUDGET = 10.0
OTHER_SIZES = (64, 128, 256)
# Has no handoff gone aboard so far; have all ended.
STANDING = """
SELECT NOT EXISTS (SELECT FROM handoffs_handoff WHERE status NOT IN ('pending', 'queued')),
       NOT EXISTS (SELECT FROM handoffs_handoff WHERE status IN ('pending', 'queued', 'ingesting'))
"""
COMPLETED = "SELECT count(*) FROM ingestion_ingestrun WHERE status = 'completed'"


def compare(report: Report, *, handoffs: int, concurrency: int, repetitions: int) -> None:
    """Measure flights of the default size beside chains, in alternating order; then flights of other sizes, once."""
    size, documents = settings.FLIGHT_RUNS, max(handoffs // 10, 1)
    ours, peer = f"flights of {size}", f"Celery chain of {len(ORDER)}"
    compared = Compared("orchestration only", ours, peer, "runs", BUDGET)

    def take_flights() -> None:
        compared.ours.append(report.note(ours, handoffs, flights(handoffs, flight_runs=size, concurrency=concurrency)))

    def take_chains() -> None:
        compared.peer.append(report.note(peer, documents, chains(documents, concurrency=concurrency)))

    for repetition in range(repetitions):
        for take in (take_chains, take_flights) if repetition % 2 == 0 else (take_flights, take_chains):
            take()
    report.compare(compared)
    for other in sorted({*OTHER_SIZES} - {size}):
        report.note(f"flights of {other}", handoffs, flights(handoffs, flight_runs=other, concurrency=concurrency))


def flights(runs: int, *, flight_runs: int, concurrency: int) -> Effort:
    """Take `runs` runs through all stages with this process as the dispatcher, from the first flight that boards."""
    fill(runs)
    with (
        override_settings(FLIGHT_RUNS=flight_runs, OPEN_FLIGHTS=2 * concurrency + 1),
        worker(APP, concurrency=concurrency) as process,
    ):
        dispatch.tick()
        while _standing()[0]:
            time.sleep(WATCH_S)
        with measured(process) as effort:
            while not _standing()[1]:
                dispatch.tick()
                dispatch.wait(POLL_S)
    [(completed,)] = statements.rows(COMPLETED)
    if completed != runs:
        raise SystemExit(f"{completed} of {runs} runs completed: the measurement is void")
    return effort


def chains(documents: int, *, concurrency: int) -> Effort:
    """Publish a chain of no-op tasks per document, then let a worker take them, from the first one taken."""
    empty()
    for n in range(documents):
        links = [signature("benchmarks.noop", args=(n,), immutable=True) for _ in ORDER]
        chain(*links).apply_async(ignore_result=True)
    with broker.client() as queue, started(APP, concurrency=concurrency) as process:
        while queue.llen("stages") == documents:
            time.sleep(WATCH_S)
        with measured(process) as effort:
            # A task publishes its successor before it is acknowledged, so nothing is in between.
            while queue.llen("stages") or queue.hlen("unacked"):
                time.sleep(WATCH_S)
    return effort


def _standing() -> tuple[bool, bool]:
    [(waiting, ended)] = statements.rows(STANDING)
    return waiting, ended
