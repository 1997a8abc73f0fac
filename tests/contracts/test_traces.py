"""What every adapter for traces does: one name for a span that others can go on with, and nothing private."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from ingestion import adapters
from ingestion.adapters import TRACES, chosen_traces, load
from ingestion.ports import TracePort
from tests.peers.collector import collecting

SHAPE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture(params=sorted(TRACES))
def traced(request: pytest.FixtureRequest) -> Iterator[tuple[TracePort, Told]]:
    """The port, and what it has told so far."""
    if request.param == "logs":
        with capture_logs() as lines:
            yield (
                load(TRACES, "logs"),
                lambda: [{"name": line["event"].removeprefix("span "), **line} for line in lines],
            )
        return
    with collecting(key="a key") as collector:
        port: TracePort = load(TRACES, "otlp", url=collector.url, key=SecretStr("a key"))

        def told() -> list[dict[str, Any]]:
            port.flush()
            found = [vars(span) for span in collector.spans()]
            return [
                {**one, **{name.removeprefix("sluicegate."): value for name, value in one["told"].items()}}
                for one in found
            ]

        yield port, told


def test_who_is_given_the_name_of_a_span_goes_on_with_its_trace(traced: tuple[TracePort, Told]) -> None:
    port, told = traced
    with port.span("first", source=7) as first:
        pass
    with port.span("second", parent=first.traceparent) as second:
        second.note(runs=3, kind="web")
    with port.span("apart", links=[first.traceparent]) as apart:
        pass

    found = {one["name"]: one for one in told()}
    for span in (first, second, apart):
        assert SHAPE.fullmatch(span.traceparent)
    _, trace, above, _ = first.traceparent.split("-")
    assert found["first"]["trace"] == found["second"]["trace"] == trace != found["apart"]["trace"]
    assert (found["second"]["parent"], found["first"]["parent"]) == (above, "")
    assert found["apart"]["links"] == [trace]
    assert (found["first"]["source"], found["second"]["runs"], found["second"]["kind"]) == (7, 3, "web")


def test_an_exception_is_told_by_its_type_and_goes_on(traced: tuple[TracePort, Told]) -> None:
    port, told = traced
    with pytest.raises(ValueError, match="a private word"), port.span("broken"):
        raise ValueError("a private word")

    [found] = told()
    assert found["error"] == "ValueError"
    assert "private" not in str(found)


@pytest.mark.parametrize("nonsense", ["", "00-", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01", "é"])
def test_nonsense_begins_a_trace_of_its_own(traced: tuple[TracePort, Told], nonsense: str) -> None:
    port, told = traced
    with port.span("alone", parent=nonsense, links=[nonsense]) as span:
        pass

    [found] = told()
    assert SHAPE.fullmatch(span.traceparent) and found["trace"] != "1" * 32
    assert (found["parent"], [link for link in found["links"] if link]) == ("", [])


def test_a_collector_that_is_away_delays_nothing_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes calls and answers none: the work is done before anybody has called it."""
    monkeypatch.setattr("ingestion.adapters.traces.otlp.EVERY_MS", 60_000)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        port = load(TRACES, "otlp", url=f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces", key=None)
        with port.span("unheard") as span:
            pass
        with pytest.raises(BlockingIOError):
            silent.accept()
    port.flush()
    assert SHAPE.fullmatch(span.traceparent)


def test_what_a_span_says_is_bounded() -> None:
    with collecting() as collector:
        port = load(TRACES, "otlp", url=collector.url, key=None)
        names = [f"00-{n:032x}-{n:016x}-01" for n in range(1, 30)]
        with port.span("much", links=names, text="x" * 5_000, **{f"n{n}": n for n in range(60)}):
            pass
        port.flush()

        [span] = collector.spans()
    assert (len(span.links), len(span.told)) == (8, 24)
    assert max(len(str(value)) for value in span.told.values()) <= 100


@pytest.mark.parametrize(
    "missing", ["opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter"]
)
def test_without_its_packages_the_log_is_used_and_says_what_to_install(
    settings: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    settings.TRACES, settings.TRACES_OPTIONS = "otlp", {"url": "http://127.0.0.1:9/v1/traces", "key": None}
    for cached in (chosen_traces, adapters._build):
        cached.cache_clear()
    try:
        with capture_logs() as lines:
            with chosen_traces().span("told anyway"):
                pass
            chosen_traces()
        assert [line["event"] for line in lines] == ["no trace is sent: a package is missing", "span told anyway"]
        assert lines[0]["remedy"] == "pip install -r requirements/traces.txt"
    finally:
        for cached in (chosen_traces, adapters._build):
            cached.cache_clear()
