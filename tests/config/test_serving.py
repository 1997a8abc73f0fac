"""Whose store a command opens: the folder's own, and to `up` the demo's until something of one's own has begun."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from config.serving import store_for
from tests.config.servers import query
from tests.conftest import ROOT, Store

ADMINISTRATOR = """
INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, date_joined)
VALUES ('ann', '', true, '', '', '', true, true, now())
"""


@pytest.fixture
def demo(state: Path) -> Iterator[Path]:
    """A demo that was told in this state folder, and its servers stopped."""
    embedded.ensure(state / "demo")
    embedded.stop(state / "demo")
    yield state / "demo"
    embedded.discard(state / "demo")


def begin_anew(demo: Path) -> "subprocess.CompletedProcess[str]":
    command, environment = [sys.executable, "-m", "config.demo_store"], Store(demo).environment
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_demo_that_somebody_looks_at_is_not_told_anew_under_them(demo: Path) -> None:
    with embedded.running(demo) as servers:
        refused = begin_anew(demo)
        assert query(servers, "SELECT 1") == [(1,)]
    assert refused.returncode == 1
    assert refused.stderr == f"{demo} is in use: end what runs over it, such as make up, first\n"

    assert begin_anew(demo).returncode == 0
    assert not demo.exists()


def test_without_a_demo_up_begins_ones_own(state: Path) -> None:
    assert store_for("up", state) == state


def test_up_alone_opens_the_demos_store_while_there_is_none_of_ones_own(
    state: Path, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {store_for(name, state) for name in ("ingest", "search", "sources", "doctor", "purge")} == {state}
    assert capsys.readouterr().out == ""

    assert store_for("up", state) == demo
    [line] = capsys.readouterr().out.splitlines()
    assert "the demo's store" in line
    assert "manage.py ingest PATH" in line
    assert not embedded.begun(state)


def test_ones_own_is_opened_as_soon_as_there_is_a_source_or_somebody_who_may_log_in(state: Path, demo: Path) -> None:
    store = Store(state)
    servers = embedded.ensure(state, stay=True)
    assert store_for("up", state) == demo  # without a schema
    assert store.manage("ingest", str(state / "mistyped")).returncode == 2
    assert store_for("up", state) == demo

    query(servers, ADMINISTRATOR)
    assert store_for("up", state) == state
    query(servers, "DELETE FROM auth_user")
    assert store_for("up", state) == demo
    added = store.manage("sources", "add", "notes", "--kind", "local_files", "--option", f"root={state}")
    assert added.returncode == 0, added.stderr
    assert store_for("up", state) == state
