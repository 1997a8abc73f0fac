"""Harm from the surroundings: a broker that forgets, servers that die, messages that come twice, a full disk."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from tests.chaos.rig import LEASE_S, Rig, eventually, rigged

STAGES = ("fetch", "chunk", "embed", "entity", "fact", "eval", "apply")
FILES = 120


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rigged(tmp_path_factory.mktemp("surroundings")) as rig:
        rig.start_worker()
        rig.start_dispatcher("dispatcher-1")
        rig.start_dispatcher("dispatcher-2")
        yield rig
        audit = rig.manage("audit", "--deep")
        assert audit.returncode == 0, audit.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for n in range(FILES):
        (folder / f"{n:03}.md").write_text(
            f"# Log {n}\n\nHelen Marsh became head of the Survey Department in {1900 + n}.\n\nThe tide was {n} feet.\n"
        )
    return folder


@pytest.fixture(scope="module")
def undisturbed(rig: Rig, folder: Path) -> str:
    rig.ingest(folder, "undisturbed")
    return rig.export("undisturbed")


def under_way(rig: Rig, folder: Path, reflection: str) -> "subprocess.Popen[bytes]":
    """An ingest that has got as far as its first applied batches, and has more before it."""
    ingest = rig.start("ingest", "manage.py", "ingest", str(folder), "--name", "corpus", "--reflection", reflection)
    eventually(lambda: rig.query("SELECT 1 FROM ingestion_flight WHERE status = 'open'"), within_s=60, what="a flight")
    return ingest


def assert_unharmed(rig: Rig, reflection: str, undisturbed: str) -> None:
    assert rig.export(reflection) == undisturbed
    twice = rig.query(
        """SELECT row_id FROM ledger_event WHERE lifecycle = 'batch' AND became = 'applied'
           GROUP BY row_id HAVING count(*) > 1"""
    )
    assert twice == []


@pytest.mark.parametrize(
    "stage", [pytest.param(name, marks=() if name in ("fetch", "apply") else pytest.mark.long) for name in STAGES]
)
def test_broker_that_forgets_everything_at_a_stage_costs_a_delay(rig, folder, undisturbed, stage):
    reflection = f"flush-{stage}"
    rig.order(f"{stage}.boarded", "stop")
    ingest = under_way(rig, folder, reflection)
    frozen = eventually(lambda: rig.obeyed(f"{stage}.boarded"), within_s=60, what=f"a worker at {stage}")
    rig.broker().flushall()
    os.kill(frozen, signal.SIGCONT)
    ingest.wait(120)
    assert_unharmed(rig, reflection, undisturbed)
    rig.forget()


def test_doubled_messages_do_the_work_once(rig, folder, undisturbed):
    ingest = under_way(rig, folder, "doubled")
    broker, doubled = rig.broker(), set()
    while ingest.poll() is None:
        for message in set(broker.lrange("sluicegate:stages", 0, -1)) - doubled:
            doubled.add(message)
            broker.lpush("sluicegate:stages", message)
        time.sleep(0.01)  # between two looks, not for an effect
    assert doubled
    assert_unharmed(rig, "doubled", undisturbed)


def restart_postgres(rig: Rig, how: signal.Signals) -> None:
    postmaster = min(rig.server_pids("postgres"))
    os.kill(postmaster, how)
    eventually(lambda: not (Path("/proc") / str(postmaster)).exists(), within_s=30, what="PostgreSQL to stop")
    embedded.ensure(rig.state_dir)


def kill_broker(rig: Rig) -> None:
    for pid in rig.server_pids("valkey-server"):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_database_stopped_and_started_under_load(rig, folder, undisturbed, how):
    reflection = f"database-{how.name.lower()}"
    ingest = under_way(rig, folder, reflection)
    restart_postgres(rig, how)
    ingest.wait(120)  # it ends in one way or the other; the dispatchers go on
    rig.ingest(folder, reflection, timeout=180)
    assert_unharmed(rig, reflection, undisturbed)


def test_broker_killed_under_load_with_a_task_running_and_a_slot_free(rig, folder, undisturbed):
    ingest = under_way(rig, folder, "broker-killed")
    worker = rig.processes["worker"]
    kill_broker(rig)
    eventually(lambda: not rig.server_pids("valkey-server"), within_s=10, what="the broker to die")
    embedded.ensure(rig.state_dir)
    ingest.wait(180)
    assert worker.poll() is None
    assert_unharmed(rig, "broker-killed", undisturbed)


@pytest.mark.long
def test_broker_away_for_a_minute_costs_that_minute(rig, folder, undisturbed):
    ingest = under_way(rig, folder, "broker-away")
    kill_broker(rig)
    time.sleep(60)  # the harm itself
    assert not rig.server_pids("valkey-server")
    embedded.ensure(rig.state_dir)
    ingest.wait(180)
    rig.ingest(folder, "broker-away", timeout=180)
    assert rig.processes["worker"].poll() is None
    assert_unharmed(rig, "broker-away", undisturbed)


def test_both_servers_die_at_once(rig, folder, undisturbed):
    ingest = under_way(rig, folder, "both")
    kill_broker(rig)
    restart_postgres(rig, signal.SIGQUIT)
    ingest.wait(120)
    rig.ingest(folder, "both", timeout=180)
    assert_unharmed(rig, "both", undisturbed)


def test_every_worker_killed_is_recovered_within_a_lease_and_a_sweep(rig, folder, undisturbed):
    ingest = under_way(rig, folder, "all-killed")
    worker = rig.processes.pop("worker")
    held = rig.query("SELECT id FROM ingestion_flight WHERE status = 'open'")
    worker.kill()
    worker.wait()
    killed = time.monotonic()
    eventually(
        lambda: (
            not rig.query(
                "SELECT 1 FROM ingestion_flight WHERE id = ANY(%s) AND status = 'open' AND worker <> ''",
                [flight for (flight,) in held],
            )
        ),
        within_s=LEASE_S + 5,
        what="the lost flights to be swept",
    )
    assert time.monotonic() - killed <= LEASE_S + 5
    rig.start_worker()
    ingest.wait(120)
    assert_unharmed(rig, "all-killed", undisturbed)


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small disk needs root")
def test_disk_that_fills_up_while_payloads_are_written_loses_nothing(rig, folder, undisturbed):
    payloads = rig.state_dir / "payloads"
    kept = rig.state_dir / "payloads-kept"
    payloads.rename(kept)
    payloads.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", payloads], check=False)
    if mounted.returncode:
        kept_back(payloads, kept)
        pytest.skip("this machine does not let root mount a disk")
    try:
        full = rig.ingest(folder, "disk-full")
        assert full["reasons"]["io_error"] > 0
    finally:
        subprocess.run(["umount", payloads], check=True)
        kept_back(payloads, kept)
    rig.ingest(folder, "disk-full")
    assert_unharmed(rig, "disk-full", undisturbed)


def kept_back(payloads: Path, kept: Path) -> None:
    payloads.rmdir()
    kept.rename(payloads)
