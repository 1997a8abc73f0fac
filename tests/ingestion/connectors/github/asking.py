"""A connector on the tests' server, a source of it, and what its listings tell."""

from handoffs import sealing
from handoffs.models import Source
from ingestion.connectors.github import GitHub
from ingestion.ports import Checkpoint, Cursor, Entry, Listed
from tests.builders import make_source
from tests.peers.github import GitHub as Server


def port(server: Server, **options) -> GitHub:
    return GitHub(**{"token": server.token, "contents": ["files"]} | server.options() | options)


def source_of(server: Server, **options) -> Source:
    source = make_source(kind="github", options=server.options() | {"contents": ["files"]} | options)
    sealing.keep(source, {"token": server.token}, by="ann")
    return source


def commit(server: Server, files: dict[str, bytes]) -> None:
    server.repository.files |= files
    server.repository.commit()


def listing(port: GitHub, cursor: Cursor | None = None) -> tuple[list[Entry], Cursor]:
    found = list(port.list(cursor or {}))
    reached = [entry.cursor for entry in found if isinstance(entry, Checkpoint)]
    return found, reached[-1]


def names(entries: list[Entry]) -> set[str]:
    return {entry.external_id for entry in entries if isinstance(entry, Listed)}
