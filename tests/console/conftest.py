import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.db import connection

from tests.faces.conftest import quick_pages

__all__ = ["quick_pages", "silent_database"]


@pytest.fixture
def silent_database() -> Iterator[None]:
    """In place of PostgreSQL something that takes connections and says nothing."""
    own = connection.settings_dict
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        where = {"HOST": "127.0.0.1", "PORT": str(mute.getsockname()[1]), "PASSWORD": "", "USER": "nobody"}
        options = {name: value for name, value in own["OPTIONS"].items() if name not in ("host", "port")}
        kept = dict(own)
        own.update(where, OPTIONS=options | {"connect_timeout": 5})
        yield
        own.clear()
        own.update(kept)
