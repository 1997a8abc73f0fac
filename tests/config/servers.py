"""What a test asks embedded servers, past the module that runs them."""

from pathlib import Path

import psycopg

from config import embedded_home
from config.embedded import Servers


def at_work(state: Path) -> dict[int, str]:
    """Return the live processes with their working folder in the servers' data, by name; asks /proc, not the module."""
    home = embedded_home.find_home(state)
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
            if rest.split()[0] != "Z" and (entry / "cwd").readlink().is_relative_to(home.data):
                found[int(entry.name)] = name
        except OSError:
            continue
    return found


def query(servers: Servers, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(servers.database_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []
