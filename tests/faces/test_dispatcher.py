"""The dispatcher as a command: one pass, one on duty, one that takes over."""

import os
import re
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

EVERYBODY_OUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
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
def dispatchers(new_store: Store, tmp_path: Path) -> Iterator[Callable[[], tuple["subprocess.Popen[bytes]", Path]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple["subprocess.Popen[bytes]", Path]:
        log = tmp_path / f"{len(started)}.log"
        command = [sys.executable, "manage.py", "dispatcher"]
        with log.open("wb") as output:
            started.append(subprocess.Popen(command, cwd=ROOT, env=new_store.environment, stdout=output, stderr=output))
        return started[-1], log

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_two_run_and_one_is_on_duty_whatever_becomes_of_the_database_or_the_other(
    new_store: Store, dispatchers: Callable[[], tuple["subprocess.Popen[bytes]", Path]]
) -> None:
    first, first_log = dispatchers()
    until(lambda: last_word(first_log) == "on duty")
    second, second_log = dispatchers()
    until(lambda: last_word(second_log) == "standing by")

    with psycopg.connect(embedded.addresses(new_store.state_dir).database_url, autocommit=True) as database:
        holders = database.execute(HOLDERS, [DUTY_LOCK]).fetchall()
        assert len(holders) == 1
        database.execute(EVERYBODY_OUT)
        until(lambda: (now := database.execute(HOLDERS, [DUTY_LOCK]).fetchall()) and now != holders)
    until(lambda: {last_word(first_log), last_word(second_log)} == {"on duty", "standing by"})

    embedded.stop(new_store.state_dir)
    until(lambda: last_word(first_log) == last_word(second_log) == "does not answer")
    embedded.ensure(new_store.state_dir)
    until(lambda: {last_word(first_log), last_word(second_log)} == {"on duty", "standing by"})

    leads = last_word(first_log) == "on duty"
    leader, follower, log = (first, second, second_log) if leads else (second, first, first_log)
    leader.terminate()
    assert leader.wait(20) == 0
    until(lambda: last_word(log) == "on duty")
    os.kill(follower.pid, signal.SIGINT)
    assert follower.wait(20) == 0


def last_word(log: Path) -> str:
    said = re.findall("on duty|standing by|does not answer", log.read_text())
    return said[-1] if said else ""
