"""What may stand in a log: one policy, through which every line goes, ours and the libraries'.

Ids, counts, types and codes may. Paths, addresses, subjects, names and contents may not: the admin shows them to those
who may see them. Of an exception its type and its frames are told, no message and no value; of what a library says, the
words that its author wrote, without what was put into them.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]

HIDDEN = "[redacted]"
# A value under such a key is somebody's, whatever it looks like.
PRIVATE = frozenset(
    {"path", "file", "folder", "root", "external_id", "item", "title", "subject", "url", "host", "user", "username"}
    | {"address", "email", "sender", "to", "text", "quote", "content", "secret", "password", "token", "options"}
)
# Whose messages name ids, queues and tasks, but nothing of what is ingested.
TRUSTED = frozenset(
    {"celery", "kombu", "django", "gunicorn", "asyncio", "tornado", "flower", "py", "root", "__main__"}
    | {"config", "console", "ingestion", "patches", "handoffs", "ledger"}
)
ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
URL = re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s'\"<>]+", re.IGNORECASE)
QUOTED_PATH = re.compile(r"(['\"])(?:~|\.{0,2})/[^'\"\n]*\1")
PATH = re.compile(r"(?<![\w/<\]])(?:~|\.{0,2})/[^\s/'\"]+/[^\s'\",;)]*")
SERVED = ("/admin", "/api/", "/static/", "/flower", "/healthz", "/readyz", "/metrics")


def clean(text: str) -> str:
    """The text without addresses of mail, URLs and paths."""
    text = URL.sub(rf"\1://{HIDDEN}", text)
    text = ADDRESS.sub(HIDDEN, text)
    text = QUOTED_PATH.sub(HIDDEN, text)
    return PATH.sub(lambda found: found[0] if found[0].startswith(SERVED) else HIDDEN, text)


def redactor(traceback: Callable[[BaseException], str]) -> Callable[[Any, str, Event], Event]:
    """Return the policy as a structlog processor; `traceback` tells where an exception was raised, and no more."""

    def redact(_logger: Any, _method: str, event: Event) -> Event:
        event["event"] = _message(event)
        bug = _exception(event)
        if bug is not None:
            event["event"] = _without(bug, event["event"])
            event["exception"] = traceback(bug)
        for key, value in event.items():
            if key in ("exception", "timestamp", "level", "logger") or key.startswith("_"):
                continue
            event[key] = HIDDEN if key in PRIVATE else _cleaned(value)
        return event

    return redact


def _message(event: Event) -> str:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord) and record.name.partition(".")[0] not in TRUSTED:
        return str(record.msg)
    return str(event.get("event", ""))


def _exception(event: Event) -> BaseException | None:
    """Take the exception out of the event, whatever the way it came in."""
    told = event.pop("exc_info", None)
    record = event.get("_record")
    if not told and isinstance(record, logging.LogRecord):
        told = record.exc_info
    if isinstance(told, tuple):
        told = told[1]
    if told is True:
        told = sys.exc_info()[1]
    return told if isinstance(told, BaseException) else None


def _without(bug: BaseException, text: str) -> str:
    """The text without what the exception says, should somebody have written that into it."""
    for said in (repr(bug), str(bug)):
        if said:
            text = text.replace(said, type(bug).__name__)
    return text


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in PRIVATE else _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_cleaned(one) for one in value]
    return value
