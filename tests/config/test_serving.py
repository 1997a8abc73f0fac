"""Whose store a command opens: the folder's own, and to `up` the demo's until something of one's own has begun."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from config.serving import store_for
from tests.config.servers import query
from tests.conftest import Store

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
