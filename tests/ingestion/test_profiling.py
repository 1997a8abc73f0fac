"""What connectors may take beside what they took, and what is said where the two part."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from handoffs.models import Source
from ingestion import connectors, profiling
from ingestion.models import Visit
from ingestion.profiles import Profile
from tests.builders import make_flight, make_source

pytestmark = pytest.mark.django_db
MIB = 1024**2


@pytest.fixture(autouse=True)
def machine(settings: Any) -> Any:
    settings.WORKER_BYTES, settings.FLIGHT_BYTES, settings.FLIGHT_RUNS = 200 * MIB, 16 * MIB, 128
    settings.USABLE_CPUS, settings.USABLE_BYTES = 4, 4096 * MIB
    settings.WORKER_CONCURRENCY = settings.USUAL_WORKER_CONCURRENCY = 4
    return settings


def visited(source: Source, times: int = 100, **fields: Any) -> None:
    flight = make_flight(source)
    given = {"stage": "fetch", "waited_s": 0.1, "took_s": 1.0, "cpu_s": 0.9, "peak_bytes": 190 * MIB, "size_bytes": 9}
    like = given | {"runs": [1, 2], "weights": [1, 1], "items": [1, 1]} | fields
    Visit.objects.bulk_create(Visit(flight=flight, source=source, **like) for _ in range(times))


def asked(*arguments: str, status: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    try:
        call_command("profiles", *arguments, "--json")
        assert status == 0
    except SystemExit as end:
        assert end.code == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_declared_and_measured_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    source = make_source(kind="web")
    visited(source, 95)
    visited(source, 5, peak_bytes=900 * MIB, took_s=50.0, runs=[1], weights=[1], items=[1])

    told = asked("web", status=0, capsys=capsys)

    [profile] = told["profiles"]
    assert (profile["declared"]["memory_bytes"], profile["declared"]["flight_runs"]) == (200 * MIB, 128)
    stage = profile["stages"]["fetch"]
    assert (stage["visits"], stage["peak_bytes"], stage["took_s"], stage["runs"]) == (100, 190 * MIB, 1.0, 2)
    assert told["machine"]["workers"] == 4
    assert told["advice"] == profile["advice"] == []


def test_who_takes_more_memory_than_declared_is_told_what_to_raise_or_lower(
    capsys: pytest.CaptureFixture[str],
) -> None:
    visited(make_source(kind="imap"), peak_bytes=640 * MIB)

    told = asked(status=4, capsys=capsys)

    [advice] = [line for one in told["profiles"] for line in one["advice"]]
    assert advice == (
        f"declared 200 MiB of memory, measured p95 640 MiB at fetch: raise SLUICEGATE_WORKER_BYTES to {800 * MIB} "
        "(800 MiB), or lower SLUICEGATE_FLIGHT_BYTES (16 MiB) or SLUICEGATE_FLIGHT_RUNS (128)"
    )
    with pytest.raises(SystemExit):
        call_command("profiles", "imap")
    assert f"→ {advice}" in capsys.readouterr().out


def test_a_limit_of_the_kinds_own_is_the_one_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connectors.PROFILES, "imap", Profile(memory_bytes=700 * MIB, flights=2, stage_s=60))
    visited(make_source(kind="imap"), peak_bytes=640 * MIB)

    [found] = profiling.of_kinds(["imap"])

    assert (found.declared.memory_bytes, found.declared.flights, found.declared.stage_s) == (700 * MIB, 2, 60)
    assert found.advice == []


def test_who_declares_far_too_much_is_told_where_that_costs_processes(machine: Any) -> None:
    machine.WORKER_BYTES, machine.USUAL_WORKER_CONCURRENCY = 1536 * MIB, 2
    visited(make_source(kind="web"))

    [found] = profiling.of_kinds(["web"])
    assert "lower SLUICEGATE_WORKER_BYTES" in found.advice[0]
    machine.USUAL_WORKER_CONCURRENCY = 4  # it costs none
    assert found.advice == []


def test_processes_that_may_want_more_than_there_is_are_told_of(machine: Any) -> None:
    machine.WORKER_BYTES, machine.USABLE_BYTES = 2048 * MIB, 4096 * MIB
    visited(make_source(kind="web"), peak_bytes=1536 * MIB)

    [advice] = profiling.machine().advice(profiling.of_kinds())

    assert advice.endswith("lower SLUICEGATE_WORKER_CONCURRENCY to 2")


def test_a_stage_that_comes_near_its_time_limit_is_told_of() -> None:
    visited(make_source(kind="web"), took_s=3000.0, cpu_s=2900.0)

    [advice] = profiling.of_kinds(["web"])[0].advice

    assert "measured p95 50 min at fetch" in advice and "SLUICEGATE_FLIGHT_RUNS" in advice


def test_who_waits_for_workers_that_wait_themselves_is_told_to_have_more() -> None:
    visited(make_source(kind="web"), waited_s=30.0, took_s=5.0, cpu_s=0.1)

    [advice] = profiling.of_kinds(["web"])[0].advice

    assert "raise SLUICEGATE_WORKER_CONCURRENCY (4)" in advice


def test_a_few_visits_and_old_ones_say_nothing() -> None:
    visited(make_source(kind="web"), 19, peak_bytes=640 * MIB)
    visited(make_source(kind="imap"), peak_bytes=640 * MIB, ended_at=timezone.now() - timedelta(days=8))

    web, imap = profiling.of_kinds(["web", "imap"])

    assert (web.advice, web.stages["fetch"].visits) == ([], 19)
    assert (imap.advice, imap.stages) == ([], {})


def test_a_sources_page_has_its_own_figures_and_advice(machine: Any, admin_client: Client) -> None:
    machine.STATIC_ROOT.mkdir(exist_ok=True)  # the web process makes it
    ours, other = make_source(kind="web"), make_source(kind="web")
    visited(ours, peak_bytes=640 * MIB)
    visited(other, peak_bytes=3 * MIB)

    pages = [
        admin_client.get(f"/admin/handoffs/source/{source.pk}/change/").content.decode() for source in (ours, other)
    ]

    assert "measured p95 640 MiB at fetch" in pages[0] and "may take" in pages[0]
    assert "640 MiB" not in pages[1] and "3.0 MiB" in pages[1]


def test_the_statement_reads_the_latest_visits_alone(statement_count: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "LATEST", 50)
    visited(make_source(kind="web"), 70)
    statement_count()

    [found] = profiling.of_kinds(["web"])

    assert statement_count() == 1
    assert found.stages["fetch"].visits == 50


def test_a_kind_that_is_not_there_is_named() -> None:
    with pytest.raises(CommandError, match="no connector 'gopher'; there are local_files"):
        call_command("profiles", "gopher")
