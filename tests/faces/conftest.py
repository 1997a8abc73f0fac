from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import embedded
from tests.conftest import Store


@pytest.fixture(autouse=True)
def quick_pages(settings: Any) -> None:
    """The console warns of a missing static folder, here an error; a strong hash costs half a second."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def new_store(tmp_path: Path) -> Iterator[Store]:
    """A state folder as a newcomer has it: whoever needs servers starts them, and the last one out stops them."""
    yield Store(tmp_path / "state")
    embedded.discard(tmp_path / "state")
