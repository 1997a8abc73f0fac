"""A server that speaks as GitHub's does, emptied before each test."""

from collections.abc import Iterator

import pytest

from ingestion.connectors.github import keys
from tests.peers.github import GitHub as Server


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server()
    yield server
    server.peer.close()


@pytest.fixture
def server(running) -> Server:
    running.reset()
    keys.GIVEN.clear()
    return running
