"""What the work takes of the machine: measured for each flight at each stage, shared among its runs, kept once."""

import json
import time
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client

from ingestion import dispatch, usage
from ingestion.flights import advance
from ingestion.gauging import Gauge
from ingestion.models import Flight, IngestRun, Memo, Visit
from ingestion.passages import hash_of
from ingestion.reading.sandbox import SANDBOX
from ingestion.stages import ORDER
from tests.builders import make_source
from tests.flying import deliver_all, fly, open_flights, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]
MIB = 1024 * 1024


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1  # so that all that waits goes in one
    return make_source()


def visits() -> dict[str, Visit]:
    return {visit.stage: visit for visit in Visit.objects.order_by("pk")}


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_each_stage_leaves_what_it_took_and_for_whom(source):
    deliver_all(source, {"a.md": "one", "b.md": " ".join(f"sentence {n}." for n in range(300))})
    work_off()

    [a, b] = IngestRun.objects.order_by("pk")
    found = visits()
    assert tuple(found) == ORDER
    assert {(visit.flight_id, visit.source_id) for visit in found.values()} == {(a.flight_id, source.pk)}
    for visit in found.values():
        assert visit.runs == [a.pk, b.pk] and visit.failures == {}
        assert visit.took_s > 0 and visit.cpu_s >= 0 and visit.peak_bytes > 10 * MIB
        assert visit.size_bytes == a.handoff.size_bytes + b.handoff.size_bytes
    assert found["fetch"].items == [1, 1]
    assert found["chunk"].items == found["embed"].items
    assert found["embed"].items[0] == 1 < found["embed"].items[1]
    assert found["fetch"].weights == [1 + a.handoff.size_bytes, 1 + b.handoff.size_bytes]
    assert found["embed"].weights == [1 + n for n in found["embed"].items]  # every passage is new


def test_the_shares_of_all_runs_are_what_the_flight_took(source):
    deliver_all(source, {f"{n}.md": f"text {n} " * n for n in range(1, 8)})
    work_off()

    shares = [usage.of_run(run.pk) for run in IngestRun.objects.all()]
    for n, stage in enumerate(ORDER):
        visit = visits()[stage]
        assert {one[n].stage for one in shares} == {stage}
        assert sum(one[n].took_s for one in shares) == pytest.approx(visit.took_s)
        assert sum(one[n].cpu_s for one in shares) == pytest.approx(visit.cpu_s)
        assert {(one[n].waited_s, one[n].peak_bytes) for one in shares} == {(visit.waited_s, visit.peak_bytes)}
    assert shares[6][0].took_s > 3 * shares[0][0].took_s  # the larger one was more to read


def test_what_was_embedded_before_is_no_work(source):
    shared, first, second = ("".join(f"{word} {n}, " for n in range(120)) for word in ("shared", "first", "second"))
    deliver_all(source, {"a.md": f"{shared}\n\n{first}"})
    work_off()
    deliver_all(source, {"b.md": f"{shared}\n\n{second}"})
    work_off()

    [before, after] = Visit.objects.filter(stage="embed").order_by("pk")
    assert before.items == after.items
    assert before.weights == [1 + n for n in before.items]
    assert after.weights[0] < before.weights[0]


def test_who_failed_is_counted_by_class(source):
    deliver_all(source, {"a.md": "fine", "b.md": b"", "c.md": "fine too"})
    dispatch.tick()
    [flight] = open_flights()
    advance(flight.pk, "fetch", worker="w")

    [visit] = Visit.objects.all()
    assert len(visit.runs) == 3
    assert visit.failures == {"malformed": 1}
    advance(flight.pk, "chunk", worker="w")
    assert len(Visit.objects.get(stage="chunk").runs) == 2


def test_what_the_store_refused_counts_as_failed(source):
    deliver_all(source, {"a.md": "one", "b.md": "two"})
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    Memo.objects.filter(stage="embed", text_hash=hash_of("two")).delete()
    advance(flight.pk, "apply", worker="w")

    visit = visits()["apply"]
    assert len(visit.runs) == 2
    assert visit.failures == {"unexpected": 1}


def test_the_wait_is_counted_from_when_the_flight_was_ready_for_the_stage(source):
    deliver_all(source, {"a.md": "one"})
    dispatch.tick()
    [flight] = open_flights()
    Flight.objects.filter(pk=flight.pk).update(created_at=F("created_at") - timedelta(seconds=30))
    advance(flight.pk, "fetch", worker="w")
    advance(flight.pk, "chunk", worker="w")

    assert 29 <= visits()["fetch"].waited_s < 40
    assert visits()["chunk"].waited_s < 5


def test_cpu_time_and_memory_are_those_of_the_stage(source, models, monkeypatch):
    embed = models.embed

    def greedy(texts: list[str]) -> Any:
        burn(0.2)
        np.ones(96 * MIB, np.uint8)
        return embed(texts)

    monkeypatch.setattr(models, "embed", greedy)
    deliver_all(source, {"a.md": "one"})
    work_off()

    found = visits()
    assert found["embed"].cpu_s >= 0.2 and found["embed"].took_s >= 0.2
    assert found["chunk"].cpu_s < 0.2
    assert found["embed"].peak_bytes - found["chunk"].peak_bytes > 80 * MIB
    assert found["embed"].peak_bytes - found["entity"].peak_bytes > 80 * MIB  # forgotten by the next


def test_the_parser_of_hostile_formats_is_counted_with_its_process():
    page = b"<html><body>" + b"<p>One of many paragraphs that say little.</p>" * 20_000
    SANDBOX.parse("text/html", b"<html><body><p>It is there already, and has said something.</p>")
    gauge, before = Gauge(), time.process_time()
    SANDBOX.parse("text/html", page)
    own_s = time.process_time() - before

    use = gauge.read()
    assert use.cpu_s > own_s + 0.05
    gauge = Gauge()
    SANDBOX.close()
    assert 0 <= gauge.read().cpu_s < 1  # what an ended child had used before is not counted again


def test_a_visit_is_only_added_to_and_weighs_each_of_its_runs(source):
    deliver_all(source, {"a.md": "one"})
    work_off()

    for change in (lambda rows: rows.update(cpu_s=0), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(Visit.objects.all())
    [like] = Visit.objects.filter(stage="fetch")
    for wrong in ({"runs": [], "weights": [], "items": []}, {"weights": [1, 2]}, {"items": []}):
        fields = {field.attname: getattr(like, field.attname) for field in Visit._meta.fields if field.name != "id"}
        with pytest.raises(IntegrityError, match="visit_weighs_each_of_its_runs"), transaction.atomic():
            Visit.objects.create(**fields | wrong)


def test_a_runs_visits_are_found_by_an_index(source):
    deliver_all(source, {"a.md": "one"})
    work_off()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT FROM ingestion_visit v WHERE v.runs @> ARRAY[7::bigint]")
        assert "visit_of_run" in str(cursor.fetchall())


def test_a_run_shows_what_it_took(source, settings, capsys, admin_client: Client):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the web process makes it
    deliver_all(source, {"a.md": "one", "b.md": "two"})
    work_off()
    run = IngestRun.objects.order_by("pk").first()
    assert run

    call_command("runs", "show", str(run.pk), "--json")
    [told] = json.loads(capsys.readouterr().out)["runs"]
    assert told["size_bytes"] == 3
    assert [one["stage"] for one in told["used"]] == list(ORDER)
    assert all(one["aboard"] == 2 and one["took_s"] > 0 for one in told["used"])
    call_command("runs", "show", str(run.pk))
    assert "peak_bytes" in capsys.readouterr().out
    page = admin_client.get(f"/admin/ingestion/ingestrun/{run.pk}/change/").content.decode()
    assert "what it took" in page.lower() and "memory at most" in page and f"flight {run.flight_id}, 2 aboard" in page


def test_a_run_that_was_tried_again_shows_every_visit(source):
    deliver_all(source, {"a.md": "AWAY"})
    dispatch.tick()
    fly(open_flights()[0])
    [run] = IngestRun.objects.all()
    IngestRun.objects.filter(pk=run.pk).update(next_attempt_at="2026-01-01T00:00Z")
    dispatch.tick()
    fly(open_flights()[0])

    told = usage.of_run(run.pk)
    assert [one.stage for one in told] == ["fetch", "chunk", "embed", "embed"]
    assert len({one.flight for one in told}) == 2
