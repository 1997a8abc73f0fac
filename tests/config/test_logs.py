"""No line of a log holds what somebody's documents, folders and mails are called or say."""

import json
import logging

import pytest
import structlog

from config.logs import formatter
from ledger.redaction import HIDDEN, clean


@pytest.fixture
def lines():
    """The lines that are written as JSON, by our loggers and the libraries'."""

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(json.loads(self.format(record)))

    kept: list[dict] = []
    handler = Kept()
    handler.setFormatter(formatter("json"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield kept
    root.removeHandler(handler)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("cannot read /home/ann/letters/to-q.md", f"cannot read {HIDDEN}"),
        ("[Errno 2] No such file: '/home/ann/my letters/to q.md'", f"[Errno 2] No such file: {HIDDEN}"),
        ("mail of ann.smith@example.org came", f"mail of {HIDDEN} came"),
        ("GET https://ann:pw@example.org/a/b?token=1 failed", f"GET https://{HIDDEN} failed"),
        ("Not Found: /admin/handoffs/source/7/", "Not Found: /admin/handoffs/source/7/"),
        ("12/13 done, and 3 and/or more", "12/13 done, and 3 and/or more"),
        ("flight 7: 3 runs, 40 ms", "flight 7: 3 runs, 40 ms"),
    ],
)
def test_paths_and_addresses_are_left_out(told, left):
    assert clean(told) == left


def test_of_an_exception_the_type_and_the_place_are_told(lines):
    words = "dear Quentin"
    try:
        int(words)
    except ValueError as bug:
        logging.getLogger("celery.app.trace").error("Task fetch[7.fetch] raised: %r", bug, exc_info=bug)  # noqa: TRY400  as Celery does
        structlog.get_logger("ingestion.x").exception("it broke", flight=7)
    for line in lines:
        assert "Quentin" not in json.dumps(line)
        assert line["exception"].endswith("ValueError")
        assert "test_logs.py" in line["exception"]
    assert lines[0]["event"] == "Task fetch[7.fetch] raised: ValueError"
    assert lines[1]["flight"] == 7


def test_of_a_library_its_own_words_are_told(lines):
    logging.getLogger("somepdf.reader").warning("object %s: %s", 7, "dear Quentin")
    assert lines[0]["event"] == "object %s: %s"


def test_what_is_called_private_is_private_whatever_it_looks_like(lines):
    structlog.get_logger("ingestion.x").warning("moved", subject="dear Quentin", source=7, more={"title": "Quentin"})
    assert lines[0]["subject"] == HIDDEN
    assert lines[0]["source"] == 7
    assert "Quentin" not in json.dumps(lines)
