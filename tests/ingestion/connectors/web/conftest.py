"""A site on the loopback, emptied before each test, which the settings allow to be asked."""

from collections.abc import Iterator

import pytest

from ingestion.connectors.web import robots
from tests.peers.site import Site


@pytest.fixture(scope="module")
def running() -> Iterator[Site]:
    site = Site()
    yield site
    site.peer.close()


@pytest.fixture
def site(running, settings) -> Site:
    settings.WEB_NETWORKS = ("127.0.0.1/32",)
    running.reset()
    robots.KEPT.clear()
    return running
