"""pushed: items that others persist and hand over through the API; there is nothing to list."""

from collections.abc import Iterator

from ingestion.ports import Content, Cursor, Entry
from ledger.failures import Gone
from ledger.reasons import Reason


class Pushed:
    """A source without an address. What is not handed over again is still there."""

    kind = "pushed"

    def check(self) -> str:
        return "items are handed over through the API"

    def list(self, cursor: Cursor) -> Iterator[Entry]:  # noqa: ARG002
        yield from ()

    def read(self, external_id: str, *, limit_bytes: int) -> Content:  # noqa: ARG002
        raise Gone(Reason.VANISHED, "nothing to read it from")
