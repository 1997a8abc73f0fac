"""A mailbox on a real server, emptied before each test."""

from collections.abc import Iterator

import pytest
from django.db import transaction

from handoffs import sealing
from handoffs.models import Source
from tests.builders import make_source
from tests.contracts.worlds.imap import Mailbox


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Mailbox]:
    server = Mailbox(tmp_path_factory.mktemp("imap"))
    yield server
    server.close()


@pytest.fixture
def world(server) -> Mailbox:
    server.reset()
    return server


@pytest.fixture
def source(world) -> Source:
    source = make_source(kind="imap", options=world.options())
    with transaction.atomic():
        sealing.keep(source, world.secrets(), by="ann")
    return source
