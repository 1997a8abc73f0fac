"""How a trace goes on: from what brought an item to its flight, to the next one after trouble, and into messages."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from handoffs.models import Handoff
from ingestion import dispatch, recovery, ring
from ingestion.models import Flight, IngestRun
from ingestion.sync import sync
from ingestion.traceparents import below, trace_of
from tests.builders import make_source
from tests.flying import deliver_all, fly, open_flights, silence, work_off

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]


@pytest.fixture
def source(settings: Any) -> Any:
    settings.OPEN_FLIGHTS = 1  # so that all that waits goes in one
    return make_source()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The messages for the broker, as they would go out."""
    messages: list[Any] = []
    monkeypatch.setattr(ring, "_publish", lambda message, **_: messages.append(message))
    return messages


def brought(source: Any, name: str) -> str:
    """Have an item come in with a trace of its own; return that."""
    deliver_all(source, {name: f"text of {name}"})
    traceparent = below("")
    Handoff.objects.filter(reference__external_id=name).update(traceparent=traceparent)
    return trace_of(traceparent)


def test_a_sync_hands_its_trace_to_all_that_it_takes_in(settings: Any, tmp_path: Any) -> None:
    settings.OPEN_FLIGHTS = 1
    (tmp_path / "a.md").write_text("one")
    (tmp_path / "b.md").write_text("two")
    folder = make_source(options={"root": str(tmp_path)})
    with capture_logs() as lines:
        sync(folder)
        work_off()

    spans = {line["event"].removeprefix("span "): line for line in lines if line["event"].startswith("span ")}
    assert {trace_of(handoff.traceparent) for handoff in Handoff.objects.all()} == {spans["sync"]["trace"]}
    assert {span["trace"] for span in spans.values()} == {spans["sync"]["trace"]}
    assert (spans["dispatch"]["parent"], spans["stage apply"]["parent"]) == (
        spans["sync"]["span"],
        spans["dispatch"]["span"],
    )
    assert (spans["sync"]["new"], spans["dispatch"]["runs"], spans["stage embed"]["failed"]) == (2, 2, 0)
    settled = [line for line in lines if line["event"] == "settled"]
    assert len(settled) == 7


def test_a_flight_goes_on_with_its_first_runs_trace_and_links_to_the_others(source: Any) -> None:
    first, second = brought(source, "a"), brought(source, "b")
    with capture_logs() as lines:
        dispatch.tick()

    [flight] = open_flights()
    [span] = [line for line in lines if line["event"] == "span dispatch"]
    assert trace_of(flight.traceparent) == span["trace"] == first
    assert span["links"] == [second]


def test_what_flies_again_after_a_crash_or_a_failure_stays_in_its_trace(source: Any) -> None:
    trace = brought(source, "AWAY")
    dispatch.tick()
    silence(open_flights()[0])
    recovery.sweep()
    for _ in range(2):
        IngestRun.objects.update(next_attempt_at="2026-01-01T00:00Z")
        dispatch.tick()
        fly(open_flights()[0])

    assert [trace_of(flight.traceparent) for flight in Flight.objects.all()] == [trace] * 3
    assert len(set(Flight.objects.values_list("traceparent", flat=True))) == 3


def test_a_message_carries_the_flights_place_in_the_trace_also_when_it_is_rung_again(
    source: Any, rung: list[Any]
) -> None:
    brought(source, "a")
    dispatch.tick()
    [flight] = open_flights()
    Flight.objects.update(lease_until="2026-01-01T00:00Z")
    recovery.sweep()

    assert len(rung) == 2
    for message in rung:
        headers = [link.options["headers"] for link in message.tasks]
        assert headers == [{"traceparent": flight.traceparent}] * 7
        assert message.tasks[0].args == (flight.pk,)
