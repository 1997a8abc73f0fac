"""logs: each span is a line of the log at level debug; no package, no network."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from ingestion.ports import Told
from ingestion.traceparents import below, parted, trace_of

log = structlog.get_logger(__name__)


class Line:
    """A span that becomes a line when it ends."""

    def __init__(self, parent: str, told: dict[str, Told]) -> None:
        self.traceparent, self.told = below(parent), told

    def note(self, **told: Told) -> None:
        self.told |= told


class Logs:
    @contextmanager
    def span(self, name: str, *, parent: str = "", links: Sequence[str] = (), **told: Told) -> Iterator[Line]:
        line, began = Line(parent, told), time.monotonic()
        try:
            yield line
        except BaseException as problem:
            line.note(error=type(problem).__name__)
            raise
        finally:
            trace, span, _ = parted(line.traceparent) or ("", "", "")
            _, above, _ = parted(parent) or ("", "", "")
            ids = {"trace": trace, "span": span, "parent": above, "links": [trace_of(link) for link in links]}
            log.debug(f"span {name}", took_s=round(time.monotonic() - began, 6), **ids, **line.told)

    def flush(self) -> None:
        """Nothing waits."""
