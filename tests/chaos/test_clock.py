"""Two real beats, and one that is killed: each time is called out once, and what nobody calls out is not forgotten."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.rig import Rig, eventually, rigged

EVERY_S = 1
TIMES = "SELECT count(*), count(DISTINCT scheduled_for) FROM ingestion_occurrence"
HOLDER = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 7304519 AND granted"
DONE = "SELECT count(*) FROM ingestion_occurrence WHERE status = 'done'"
BY_SWEEP = "SELECT count(*) FROM ingestion_occurrence WHERE by = 'sweep'"
SET_BACK = "UPDATE ingestion_schedule SET next_at = next_at - interval '5 s' RETURNING source_id"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A source that is synced every second, and no dispatcher."""
    with rigged(tmp_path / "state") as rig:
        folder = tmp_path / "notes"
        folder.mkdir()
        (folder / "note.md").write_text("A note.\n")
        done = rig.manage("shell", "-c", SCHEDULE.format(folder=str(folder), every=EVERY_S))
        assert done.returncode == 0, done.stderr
        rig.environment["SLUICEGATE_LOG_LEVEL"] = "INFO"
        yield rig


SCHEDULE = """
from datetime import timedelta
from django.db import transaction
from ingestion.connectors import DEFAULT
from ingestion.ingesting import register
from ingestion.schedules import set_schedule
source = register("main", DEFAULT, "notes", {{"root": {folder!r}}})
with transaction.atomic():
    set_schedule(source, every=timedelta(seconds={every}), by="tests")
"""


def start_beat(rig: Rig, name: str) -> int:
    command = ("-m", "celery", "--app", "config", "--quiet", "beat", "--pidfile=", "--loglevel", "INFO")
    rig.log.close()
    rig.log = (rig.state_dir / f"{name}.log").open("ab")  # one for each, to know who says what
    return rig.start(name, *command).pid


def on_duty(rig: Rig) -> set[str]:
    """The beats that said that they were on duty."""
    return {log.stem for log in rig.state_dir.glob("beat-*.log") if "on duty" in log.read_text()}


def messages(rig: Rig) -> list[dict[str, Any]]:
    """What beat sent, where no worker takes it."""
    return [json.loads(message) for message in rig.broker().lrange("sluicegate:sync", 0, -1)]


def more_messages(rig: Rig, count: int) -> float:
    """Wait for so many more; return how many came in a second."""
    before, since = len(messages(rig)), time.monotonic()
    eventually(lambda: len(messages(rig)) >= before + count, within_s=40, what="times called out")
    return count / (time.monotonic() - since)


def test_of_two_beats_one_calls_out_the_times_and_the_other_takes_over_when_it_is_killed(rig: Rig) -> None:
    for name in ("beat-1", "beat-2"):
        start_beat(rig, name)
    more_messages(rig, 3)
    assert more_messages(rig, 6) < 1.5 / EVERY_S
    [first] = on_duty(rig)
    assert len(rig.query(HOLDER)) == 1

    os.kill(rig.processes[first].pid, signal.SIGKILL)
    eventually(lambda: len(on_duty(rig)) == 2, within_s=10, what="the standby on duty")
    assert more_messages(rig, 6) < 1.5 / EVERY_S
    assert {message["headers"]["task"] for message in messages(rig)} == {"ingestion.fire"}


def test_a_time_that_two_beats_call_out_is_one_occurrence_and_syncs_go_on_when_both_are_killed(rig: Rig) -> None:
    rig.start_worker(concurrency=1)
    rig.start_dispatcher()
    pids = [start_beat(rig, name) for name in ("beat-1", "beat-2")]
    eventually(lambda: rig.query(DONE)[0][0] >= 3, within_s=60, what="syncs")
    rig.query(SET_BACK)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    before = rig.query(DONE)[0][0]
    eventually(lambda: rig.query(DONE)[0][0] > before + 1, within_s=60, what="syncs without a beat")
    assert rig.query(BY_SWEEP)[0][0] > 0
    [(every, distinct)] = rig.query(TIMES)
    assert every == distinct
