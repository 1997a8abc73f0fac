"""Structured logs: one line an event, JSON on servers, readable on a terminal; what is private is left out of both."""

import logging
import sys
from typing import Any

import structlog

from ingestion.tracebacks import redacted
from ledger.redaction import redactor

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    redactor(redacted),
]
# One list for all times: loggers keep the one that they find at their first line.
ROUTED = [*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def formatter(kind: str) -> logging.Formatter:
    """Return the formatter for `kind` "json" or "console", and route structlog through the standard library."""
    structlog.configure(
        processors=ROUTED,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    last = structlog.processors.JSONRenderer() if kind == "json" else console
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            last,
        ],
    )
