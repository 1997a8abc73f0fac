"""The dispatcher as a command: one pass, one on duty, one that takes over."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config import embedded
from ingestion.duty import DUTY_LOCK
from ingestion.models import Flight, IngestRun
from tests.builders import make_handoff
from tests.conftest import ROOT, Store

HOLDERS = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"


@pytest.mark.django_db(transaction=True)
def test_once_hands_out_what_is_due_and_gives_the_duty_back() -> None:
    handoff = make_handoff()

    call_command("dispatcher", once=True)

    handoff.refresh_from_db()
    assert handoff.status == "queued"
    assert IngestRun.objects.get(handoff=handoff).flight == Flight.objects.get(status="open")
    with connection.cursor() as cursor:
        assert cursor.execute(HOLDERS, [DUTY_LOCK]).fetchall() == []


@pytest.mark.django_db(transaction=True)
def test_once_does_nothing_while_another_dispatcher_is_on_duty() -> None:
    handoff = make_handoff()
    other: Any = connection.copy()
    other.cursor().execute("SELECT pg_advisory_lock(%s)", [DUTY_LOCK])

    try:
        with pytest.raises(CommandError, match="another dispatcher") as refusal:
            call_command("dispatcher", once=True)
    finally:
        other.close()

    assert refusal.value.returncode == 3
    handoff.refresh_from_db()
    assert handoff.status == "pending"


def until(true: Callable[[], Any], deadline_s: float = 30) -> Any:
    end = time.monotonic() + deadline_s
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
    return found


@pytest.fixture
def dispatchers(store: Store, tmp_path: Path) -> Iterator[Callable[[], tuple["subprocess.Popen[bytes]", Path]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple["subprocess.Popen[bytes]", Path]:
        log = tmp_path / f"{len(started)}.log"
        command = [sys.executable, "manage.py", "dispatcher"]
        with log.open("wb") as output:
            started.append(subprocess.Popen(command, cwd=ROOT, env=store.environment, stdout=output, stderr=output))
        return started[-1], log

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_two_run_and_one_takes_over_when_the_other_loses_the_database_or_ends(
    store: Store, dispatchers: Callable[[], tuple["subprocess.Popen[bytes]", Path]]
) -> None:
    first, first_log = dispatchers()
    until(lambda: "on duty" in first_log.read_text())
    second, second_log = dispatchers()
    until(lambda: "standing by" in second_log.read_text())

    with psycopg.connect(embedded.addresses(store.state_dir).database_url, autocommit=True) as database:
        holders = database.execute(HOLDERS, [DUTY_LOCK]).fetchall()
        assert len(holders) == 1
        # every session: both have to come back
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        until(lambda: (now := database.execute(HOLDERS, [DUTY_LOCK]).fetchall()) and now != holders)
    until(lambda: [log.read_text().count("does not answer") for log in (first_log, second_log)] == [1, 1])

    on_duty = until(lambda: [log for log in (first_log, second_log) if last_word(log) == "on duty"])
    leader, follower_log = (first, second_log) if on_duty == [first_log] else (second, first_log)
    follower = second if leader is first else first
    leader.terminate()
    assert leader.wait(20) == 0
    until(lambda: last_word(follower_log) == "on duty")
    os.kill(follower.pid, signal.SIGINT)
    assert follower.wait(20) == 0


def last_word(log: Path) -> str:
    text = log.read_text()
    return max(("on duty", "standing by", "does not answer"), key=text.rfind)
