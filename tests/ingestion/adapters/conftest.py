from collections.abc import Iterator

import pytest

from tests.model_server import ModelServer, serving


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving() as server:
        yield server
