"""Orchestration only: stages that do nothing, every guard on, beside a Celery chain of seven no-op tasks a document."""

import time

from celery import chain, current_app
from django.conf import settings

from benchmarks.effort import Effort, measured
from benchmarks.filling import empty, fill
from benchmarks.noop_app import noop
from benchmarks.workers import started, worker
from ingestion import dispatch
from ingestion.ingesting import POLL_S
from ingestion.stages import ORDER
from ledger import statements

APP = "benchmarks.noop_app"
WATCH_S = 0.01
# Have all handoffs stood still so far; have all ended.
STANDING = """
SELECT NOT EXISTS (SELECT FROM handoffs_handoff WHERE status NOT IN ('pending', 'queued')),
       NOT EXISTS (SELECT FROM handoffs_handoff WHERE status IN ('pending', 'queued', 'ingesting'))
"""
COMPLETED = "SELECT count(*) FROM ingestion_ingestrun WHERE status = 'completed'"


def flights(runs: int, *, flight_runs: int, concurrency: int) -> Effort:
    """Take `runs` runs through all stages with this process as the dispatcher, from the first flight that boards."""
    settings.FLIGHT_RUNS, settings.OPEN_FLIGHTS = flight_runs, 2 * concurrency
    fill(runs)
    with worker(APP, concurrency=concurrency) as process:
        dispatch.tick()
        while _standing()[0]:
            time.sleep(WATCH_S)
        with measured(process) as effort:
            while not _standing()[1]:
                dispatch.tick()
                time.sleep(POLL_S)
    [(completed,)] = statements.rows(COMPLETED)
    if completed != runs:
        raise SystemExit(f"{completed} of {runs} runs completed: the measurement is void")
    return effort


def chains(documents: int, *, concurrency: int) -> Effort:
    """Publish a chain of seven no-op tasks per document, then let a worker take them, from the first one taken."""
    empty()
    for n in range(documents):
        chain(*(noop.si(n) for _ in ORDER)).apply_async(ignore_result=True)
    with current_app.connection_for_read() as broker, broker.channel() as channel:
        queue = channel.client
        with started(APP, concurrency=concurrency) as process:
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
