"""The whole stack through one command, as a newcomer has it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError
from django.test import RequestFactory

from config import embedded
from ingestion.management.commands.up import first_admin
from tests.config.servers import at_work
from tests.conftest import ROOT, Store

TEXT = "# Trust\n\nThe Marrow Bay Harbour Trust moved its offices to Newbridge in September 2022.\n"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(true: Callable[[], Any], deadline_s: float = 90) -> Any:
    end = time.monotonic() + deadline_s
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


def belonging_to(state_dir: Path) -> dict[int, str]:
    """The live processes that were started with this state folder, by command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"SLUICEGATE_STATE_DIR={state_dir}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue
    return found


class Up:
    def __init__(self, store: Store, log: Path, *options: str) -> None:
        self.store, self.log = store, log
        self.web, self.flower = free_port(), free_port()
        self.ports = {"SLUICEGATE_WEB_PORT": str(self.web), "SLUICEGATE_FLOWER_PORT": str(self.flower)}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *options],
                cwd=ROOT,
                env=store.environment | self.ports | {"SLUICEGATE_WORKER_CONCURRENCY": "1"},
                stdout=output,
                stderr=output,
            )

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()

    def says(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.log.read_text())

    def workers(self) -> list[int]:
        """The first process of the stages' worker: the one whose parent is `up`."""
        return [
            pid for pid, line in belonging_to(self.store.state_dir).items() if " worker@" in line and self.begot(pid)
        ]

    def begot(self, pid: int) -> bool:
        try:
            return f"PPid:\t{self.process.pid}\n" in Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False


@pytest.fixture
def up(new_store: Store, tmp_path: Path) -> Iterator[Up]:
    up = Up(new_store, tmp_path / "up.log")
    yield up
    if up.process.poll() is None:
        up.process.kill()
        up.process.wait()


def test_the_whole_stack_starts_works_heals_and_ends(up: Up, tmp_path: Path) -> None:
    until(lambda: up.says("ready after"), 120)
    admin = up.says(r"user admin, password (\S+)")
    assert admin
    browser = log_in(f"http://127.0.0.1:{up.web}", "admin", admin[1])

    again = up.store.manage("up", **up.ports)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "SLUICEGATE_WEB_PORT" in again.stderr

    see_an_ingest(up, browser, tmp_path / "texts")

    [worker] = up.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: up.says("worker was ended by SIGKILL; it is started again"))
    [healed] = until(up.workers)
    assert healed != worker

    for pid in at_work(up.store.state_dir):
        with suppress(ProcessLookupError):  # PostgreSQL's processes end with the first of them
            os.kill(pid, signal.SIGKILL)
    until(lambda: up.says("an embedded server had died and was started again"))
    until(lambda: {"postgres", "valkey-server"} <= set(at_work(up.store.state_dir).values()))
    (tmp_path / "texts" / "later.md").write_text(TEXT.replace("2022", "2023"))
    until(lambda: "2023" in up.store.manage("search", "When did the trust move?", "--json").stdout)  # it was seen

    up.process.terminate()
    assert up.process.wait(30) == 0
    assert belonging_to(up.store.state_dir) == {}
    assert at_work(up.store.state_dir) == {}


def test_before_there_is_anything_of_ones_own_the_whole_stack_is_the_demos(new_store: Store, tmp_path: Path) -> None:
    demo = new_store.state_dir / "demo"
    embedded.ensure(demo)
    up = Up(new_store, tmp_path / "up.log", "--no-flower")
    try:
        until(lambda: up.says("ready after"), 120)
        assert up.says("This is the demo's store, .*/state/demo")
        running = " ".join(belonging_to(demo).values())
        assert all(program in running for program in ("gunicorn", "dispatcher", "worker@", "syncer@", "watch", "beat"))
        assert not embedded.begun(new_store.state_dir)
    finally:
        up.end()
        embedded.discard(demo)


def log_in(console: str, user: str, password: str) -> OpenerDirector:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with browser.open(f"{console}/admin/login/", timeout=10) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": user, "password": password, "next": "/admin/"}
    with browser.open(f"{console}/admin/login/", urlencode(form).encode(), timeout=10) as page:
        assert 'class="verdict' in page.read().decode()
    return browser


def see_an_ingest(up: Up, browser: OpenerDirector, folder: Path) -> None:
    """Ingest a file with the worker that runs; find the stages of its flight in Flower, and from there the flight."""
    folder.mkdir()
    (folder / "trust.md").write_text(TEXT)

    def shown(page: str) -> str:
        with browser.open(f"http://127.0.0.1:{up.web}/flower/{page}", timeout=20) as answer:
            return str(answer.read().decode())

    until(lambda: "worker@" in shown("api/workers?refresh=1"))

    assert up.store.ingest(folder)["outcomes"] == {"completed": 1}

    assert not (up.store.state_dir / "worker.log").exists()  # where a worker of the command's own would write
    seen = until(lambda: {task["name"]: task["args"] for task in json.loads(shown("api/tasks")).values()})
    assert seen["stage:fetch"] == f"flight=1 source=1 runs=1 bytes={len(TEXT)}"
    [task] = re.findall('<a href="(/admin/ingestion/flight/1/change/)"', shown("task/1.fetch"))
    with browser.open(f"http://127.0.0.1:{up.web}{task}", timeout=10) as page:
        assert "/flower/task/1.fetch" in page.read().decode()
    told = shown("api/workers?refresh=1") + shown("api/tasks") + shown("workers") + shown("metrics")
    assert [secret for secret in secrets_of(up.store.state_dir) if secret in told] == []


def secrets_of(state_dir: Path) -> list[str]:
    return [(state_dir / name).read_text().strip() for name in ("secret_key", "source_keys")]


@pytest.mark.django_db
def test_the_first_administrator_is_made_once_with_a_password_of_its_own() -> None:
    password = first_admin()

    assert password and authenticate(RequestFactory().post("/"), username="admin", password=password)
    assert first_admin() is None
    assert get_user_model()._default_manager.count() == 1


@pytest.mark.django_db
def test_nobody_is_made_an_administrator_for_being_called_admin() -> None:
    get_user_model()._default_manager.create_user("admin")

    with pytest.raises(CommandError, match="createsuperuser"):
        first_admin()
