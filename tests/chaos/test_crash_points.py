"""Kill, freeze or deceive a real process at every commit: the store ends as if nothing had happened."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.rig import LEASE_S, Rig, eventually, rigged

STAGES = ("fetch", "chunk", "embed", "entity", "fact", "eval", "apply")
IN_WORKER = [f"{stage}.{moment}" for stage in STAGES for moment in ("boarded", "before_commit", "after_commit")]
IN_OCCURRENCE = ["occurrence.boarded", "occurrence.before_commit", "occurrence.after_commit"]
IN_OCCURRENCE += ["sync.before_commit", "sync.after_commit"]
IN_FIRE = ["fire.before_commit", "fire.after_commit"]
IN_SYNC = ["sync.before_commit", "sync.after_commit", "dispatch.before_commit", "dispatch.after_commit"]


# What the suite takes; the others are alike, and left to `make chaos`.
SAMPLE = {"fetch.before_commit", "fetch.after_commit", "fact.after_commit", "entity.boarded", "apply.before_commit"}
SAMPLE |= {"apply.after_commit", "apply.boarded", *IN_SYNC, "occurrence.before_commit", "sync.after_commit"}
SAMPLE |= {"fire.after_commit"}


def points(*names: str) -> list[Any]:
    return [pytest.param(name, marks=() if name in SAMPLE else pytest.mark.long) for name in names]


LEASE_OVER = """
SELECT 1 WHERE clock_timestamp() > (SELECT max(boarded_at) FROM ingestion_flight) + %s * interval '1 s'
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rigged(tmp_path_factory.mktemp("crash-points")) as rig:
        rig.start_worker()
        yield rig
        audit = rig.manage("audit", "--deep")
        assert audit.returncode == 0, audit.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few documents with people and times, two of them equal, one unreadable."""
    folder = tmp_path_factory.mktemp("documents")
    for n, (name, start) in enumerate([("Margaret Ashdown", 2011), ("Thomas Hallett", 2015), ("Helen Marsh", 2019)]):
        said = f"{name} became director of the Marrow Bay Harbour Trust in {start}."
        text = f"# Minutes {n}\n\n{said}\n\nThe tide was high.\n"
        (folder / f"minutes-{n}.md").write_text(text)
    (folder / "copy.md").write_bytes((folder / "minutes-0.md").read_bytes())
    (folder / "noise.txt").write_bytes(b"\xff" * 64)
    return folder


@pytest.fixture(scope="module")
def undisturbed(rig: Rig, folder: Path) -> str:
    rig.ingest(folder, "undisturbed")
    exported = rig.export("undisturbed")
    assert exported.count('"kind":"fact"') >= 3
    return exported


def reflection_of(point: str, deed: str) -> str:
    return f"{point}-{deed}".replace(".", "-").replace("_", "-")


def assert_each_batch_was_applied_once(rig: Rig, reflection: str) -> None:
    applied = rig.query(
        """SELECT b.id, count(e.id) FROM patches_patchbatch b JOIN handoffs_reflection r ON r.id = b.reflection_id
           LEFT JOIN ledger_event e ON e.lifecycle = 'batch' AND e.row_id = b.id AND e.became = 'applied'
           WHERE r.name = %s GROUP BY b.id""",
        reflection,
    )
    assert len(applied) == 3
    assert {count for _, count in applied} == {1}


def assert_each_handoff_has_one_outcome(rig: Rig, reflection: str) -> None:
    statuses = rig.query(
        """SELECT h.status, count(*) FROM handoffs_handoff h JOIN handoffs_source s ON s.id = h.source_id
           JOIN handoffs_reflection r ON r.id = s.reflection_id WHERE r.name = %s GROUP BY 1 ORDER BY 1""",
        reflection,
    )
    assert statuses == [("failed", 1), ("ingested", 3), ("skipped", 1)]


def assert_as_if_nothing_had_happened(rig: Rig, reflection: str, undisturbed: str) -> None:
    assert rig.export(reflection) == undisturbed
    assert_each_batch_was_applied_once(rig, reflection)
    assert_each_handoff_has_one_outcome(rig, reflection)


@pytest.mark.parametrize("point", points(*IN_WORKER))
def test_worker_killed_at_a_commit_costs_a_delay_and_nothing_else(rig, folder, undisturbed, point):
    reflection = reflection_of(point, "kill")
    rig.order(point, "kill")
    rig.ingest(folder, reflection)
    assert rig.obeyed(point)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()


@pytest.mark.parametrize("point", IN_SYNC)
def test_ingest_killed_at_a_commit_is_taken_up_by_the_next(rig, folder, undisturbed, point):
    reflection = reflection_of(point, "kill")
    rig.order(point, "kill")
    killed = rig.manage("ingest", str(folder), "--name", "corpus", "--reflection", reflection, "--json")
    assert killed.returncode == -signal.SIGKILL
    rig.ingest(folder, reflection)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()


@pytest.mark.parametrize("point", points(*(f"{stage}.after_commit" for stage in STAGES)))
def test_commit_that_succeeds_but_seems_to_time_out_is_not_done_twice(rig, folder, undisturbed, point):
    reflection = reflection_of(point, "time_out")
    rig.order(point, "time_out")
    rig.ingest(folder, reflection)
    assert rig.obeyed(point)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()


@pytest.mark.parametrize("point", points(*(f"{stage}.before_commit" for stage in STAGES)))
def test_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(rig, folder, undisturbed, point):
    """Frozen inside its transaction it holds its locks until it wakes; what is lost is time."""
    reflection = reflection_of(point, "stop")
    rig.order(point, "stop")
    ingest = rig.start("ingest", "manage.py", "ingest", str(folder), "--name", "corpus", "--reflection", reflection)
    frozen = eventually(lambda: rig.obeyed(point), within_s=30, what=f"a worker at {point}")
    eventually(
        lambda: rig.query(LEASE_OVER, LEASE_S),
        within_s=3 * LEASE_S,
        what="the lease to run out",
    )
    os.kill(frozen, signal.SIGCONT)
    ingest.wait(60)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()


@pytest.mark.parametrize("point", points(*(f"{stage}.boarded" for stage in STAGES)))
def test_worker_frozen_before_its_work_finds_its_lease_lost(rig, folder, undisturbed, point):
    reflection = reflection_of(point, "stop")
    rig.order(point, "stop")
    ingest = rig.start("ingest", "manage.py", "ingest", str(folder), "--name", "corpus", "--reflection", reflection)
    frozen = eventually(lambda: rig.obeyed(point), within_s=30, what=f"a worker at {point}")
    ingest.wait(60)  # the others finish what it held
    os.kill(frozen, signal.SIGCONT)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()


SCHEDULED = """
from datetime import timedelta
from django.db import transaction
from ingestion.connectors import DEFAULT
from ingestion.ingesting import register
from ingestion.schedules import set_schedule
source = register({reflection!r}, DEFAULT, "corpus", {{"root": {folder!r}}})
with transaction.atomic():
    set_schedule(source, every=timedelta(seconds=1), by="tests")
print(source.pk)
"""
FIRED = "from ingestion.firing import fire_one; fire_one({source}, by='beat')"
NO_MORE = "DELETE FROM ingestion_schedule RETURNING source_id"
OCCURRENCES = "SELECT status, count(*) FROM ingestion_occurrence WHERE source_id = %s GROUP BY 1"
OPEN = "SELECT 1 FROM handoffs_handoff WHERE source_id = %s AND status IN ('pending', 'queued', 'ingesting')"


def scheduled(rig: Rig, folder: Path, reflection: str) -> int:
    done = rig.manage("shell", "--verbosity", "0", "-c", SCHEDULED.format(reflection=reflection, folder=str(folder)))
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def worked_off(rig: Rig, source: int) -> bool:
    stands = dict(rig.query(OCCURRENCES, source))
    return "done" in stands and not stands.keys() & {"due", "running"} and not rig.query(OPEN, source)


@pytest.mark.parametrize("point", points(*IN_OCCURRENCE, *IN_FIRE))
def test_a_scheduled_sync_that_is_killed_at_a_commit_is_taken_up_again(rig, folder, undisturbed, point):
    """By whoever sweeps, without beat: the worker dies, or who turns the time into an occurrence."""
    reflection = reflection_of(point, "scheduled")
    source = scheduled(rig, folder, reflection)
    rig.order(point, "kill")
    rig.manage("shell", "--verbosity", "0", "-c", FIRED.format(source=source))
    dispatcher = rig.start_dispatcher()
    try:
        eventually(lambda: rig.query(OCCURRENCES, source), within_s=60, what="an occurrence")
        rig.query(NO_MORE)
        eventually(lambda: worked_off(rig, source), within_s=60, what="the sync and its runs")
    finally:
        dispatcher.kill()
        dispatcher.wait()
    assert rig.obeyed(point)
    assert_as_if_nothing_had_happened(rig, reflection, undisturbed)
    rig.forget()
