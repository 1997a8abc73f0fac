"""State folders for embedded servers; no test leaves a process or data behind."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import embedded
from tests.config.servers import at_work


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder. As root it lies below pytest's 0700 folder, where the servers' user cannot go."""
    folder = tmp_path / "state"
    yield folder
    embedded.discard(folder)
    assert at_work(folder) == {}


@pytest.fixture
def open_state() -> Iterator[Path]:
    """A state folder that everyone can reach."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    embedded.discard(folder)
    shutil.rmtree(folder)
