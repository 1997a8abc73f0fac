"""What operators do to work: cancel, requeue, pause, resume, reprocess; also while workers are at it."""

import pytest
from django.db import transaction

from handoffs.models import Handoff, Reference, Source
from ingestion import dispatch, stages
from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.auditing import audit
from ingestion.flights import advance
from ingestion.models import Flight, IngestRun, RetryRule
from ingestion.operating import cancel, cancel_handoffs, pause, reprocess, requeue, resume
from ingestion.stages import ORDER
from ledger.models import Event
from patches.models import Passage, PatchBatch
from tests.builders import make_handoff, make_run, make_source
from tests.flying import deliver, deliver_all, fly, open_flights, remove, runs, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1
    return make_source()


def every(model=IngestRun):
    return model.objects.all()


def one_flight(source, *contents: str) -> Flight:
    deliver_all(source, {f"{n}.md": content for n, content in enumerate(contents)})
    dispatch.tick()
    [flight] = open_flights()
    return flight


@pytest.mark.parametrize("status", ["pending", "retry_wait", "in_review", "quarantined"])
def test_a_run_that_waits_is_cancelled_at_once_with_its_handoff(status):
    run = make_run(status)
    assert cancel(every(), by="ann").done == {"cancelled": [run.pk]}
    run.refresh_from_db()
    assert (run.status, run.reason, run.next_attempt_at) == ("cancelled", "cancelled", None)
    run.handoff.refresh_from_db()
    assert run.handoff.status == ("failed" if status == "quarantined" else "cancelled")
    assert {event.by for event in Event.objects.all()} == {"ann"}


def test_a_run_that_ended_is_left_alone():
    run = make_run("completed")
    assert cancel(every(), by="ann").refused == {"ended": [run.pk]}


@pytest.mark.parametrize("stage", ORDER)
def test_a_run_under_way_is_cancelled_before_its_next_stage_and_the_others_go_on(source, stage):
    flight = one_flight(source, "one", "two")
    fly(flight, until=stage)
    off, stays = IngestRun.objects.order_by("pk")
    assert cancel(IngestRun.objects.filter(pk=off.pk), by="ann").done == {"before_its_next_stage": [off.pk]}
    fly(Flight.objects.get(), worker="w")
    assert runs(source) == [("cancelled", "cancelled"), ("completed", "applied")]
    assert standing(source) == {"0.md": ("cancelled", "cancelled"), "1.md": ("ingested", "applied")}
    assert Event.objects.get(lifecycle="run", became="cancelled").by == "ann"
    assert not off.outputs.filter(stage=stage).exists()
    assert stays.outputs.filter(stage="chunk").exists()
    assert audit() == []


def test_a_flight_whose_only_run_is_cancelled_lands(source):
    fly(one_flight(source, "one"), until="embed")
    cancel(every(), by="ann")
    fly(Flight.objects.get())
    assert Flight.objects.get().status == "landed"
    assert audit() == []


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_cancelled_while_its_stage_works_ends_before_the_next_one(source, elsewhere, at):
    flight = one_flight(source, "one")
    at("chunk.boarded", lambda: elsewhere(cancel, every(), by="ann").result(timeout=10))
    fly(flight)
    assert runs(source) == [("cancelled", "cancelled")]
    assert set(IngestRun.objects.get().outputs.values_list("stage", flat=True)) == {"fetch", "chunk"}
    assert not Passage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_cancel_that_meets_a_boarding_waits_for_it_and_calls_the_run_off(source, elsewhere, at):
    deliver(source, one="text")
    [handoff] = every(Handoff)
    cancelled = []
    at("dispatch.before_commit", lambda: cancelled.append(elsewhere(cancel_handoffs, every(Handoff), by="ann")))
    dispatch.tick()
    assert cancelled[0].result(timeout=10).done == {"before_its_next_stage": [handoff.pk]}
    fly(Flight.objects.get())
    assert runs(source) == [("cancelled", "cancelled")]
    assert audit() == []


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_put_on_a_flight_while_it_is_cancelled_is_called_off(source, elsewhere, at):
    fly(one_flight(source, "one"), until="embed")
    paused(source)
    fly(Flight.objects.get())
    resume(Source.objects.all(), by="ann")
    cancelled = []
    at("dispatch.before_commit", lambda: cancelled.append(elsewhere(cancel, every(), by="ann")))
    dispatch.tick()
    [run] = every()
    assert cancelled[0].result(timeout=10).done == {"before_its_next_stage": [run.pk]}
    fly(open_flights()[0])
    assert runs(source) == [("cancelled", "cancelled")]
    assert audit() == []


def test_a_handoff_is_cancelled_with_its_run(source):
    flight = one_flight(source, "one")
    settled = make_handoff("ingested", source=source)
    waits = make_handoff("held", source=source)
    told = cancel_handoffs(every(Handoff), by="ann")
    [going] = Handoff.objects.exclude(pk__in=[settled.pk, waits.pk])
    assert told.done == {"before_its_next_stage": [going.pk], "cancelled": [waits.pk]}
    assert told.refused == {"ended": [settled.pk]}
    fly(flight)
    going.refresh_from_db()
    assert going.status == "cancelled"


def failed_things(source, models) -> None:
    for failure in ("unexpected", "transient"):
        RetryRule.objects.create(failure=failure, attempts=1)
    RetryRule.objects.filter(failure="transient").update(then="failed")
    deliver(source, good="text", bug="a BUG", away="is AWAY", empty="")
    work_off()
    work_off()
    models.embed = Hashing().embed


def test_what_ended_goes_again_but_what_was_applied(source, models):
    failed_things(source, models)
    before = {h.reference.external_id: h.pk for h in every(Handoff)}
    [quarantined] = IngestRun.objects.filter(status="quarantined")
    told = requeue(every(Handoff), by="ann")
    assert {name: sorted(ids) for name, ids in told.done.items()} == {
        "requeued": sorted([before["away"], before["empty"]]),
        "released": [quarantined.pk],
    }
    assert told.refused == {"applied": [before["good"]]}
    assert {h.opened for h in Handoff.objects.filter(status="pending")} == {2}
    work_off()
    assert standing(source) == {
        "good": ("ingested", "applied"),
        "bug": ("ingested", "applied"),
        "away": ("ingested", "applied"),
        "empty": ("failed", "empty"),
    }
    assert requeue(every(Handoff).filter(status="failed"), by="ann", dry_run=True).counts()["done"] == {"requeued": 1}
    assert not Handoff.objects.filter(status="pending").exists()
    assert audit() == []


def test_older_bytes_than_the_newest_are_not_requeued(source):
    deliver(source, a="one")
    cancel_handoffs(every(Handoff), by="ann")
    deliver(source, a="two", b="gone")
    work_off()
    remove(source, "b")
    cancelled, newest, gone = every(Handoff).order_by("pk")
    Handoff.objects.filter(pk=gone.pk).update(status="pending")
    cancel_handoffs(every(Handoff), by="ann")
    told = requeue(every(Handoff), by="ann")
    assert told.refused == {
        "newer_payload": [cancelled.pk],
        "applied": [newest.pk],
        "reference_gone": [gone.pk],
    }


def paused(source, why: str = "it is being moved"):
    return pause(Source.objects.filter(pk=source.pk), why, by="ann")


def test_a_paused_source_holds_what_waits_and_what_comes_in(source):
    deliver(source, a="one")
    assert paused(source).counts()["done"] == {"held": 1, "paused": 1}
    deliver(source, b="two")
    assert set(standing(source).values()) == {("held", "paused")}
    assert dispatch.tick() == 0
    told = resume(Source.objects.all(), "it was moved", by="bob")
    assert told.counts()["done"] == {"resumed": 1, "let_go": 2}
    work_off()
    assert set(standing(source).values()) == {("ingested", "applied")}
    turns = Event.objects.filter(lifecycle="source").order_by("pk").values_list("became", "by", "note")
    assert list(turns) == [("paused", "ann", "it is being moved"), ("active", "bob", "it was moved")]
    assert audit() == []


def test_what_is_held_for_another_cause_stays_when_the_source_goes_on(source):
    paused(source)
    held = make_handoff("held", source=source, reason="unreadable")
    resume(Source.objects.all(), by="ann")
    held.refresh_from_db()
    assert held.status == "held"


@pytest.mark.parametrize("stage", ORDER)
def test_a_flight_of_a_paused_source_stops_before_its_next_stage_and_goes_on_from_there(source, stage, models):
    fly(one_flight(source, "one", "two"), until=stage)
    paused(source)
    flight = Flight.objects.get()
    assert advance(flight.pk, stage, worker="w") is False
    flight.refresh_from_db()
    assert (flight.status, flight.reason) == ("landed", "paused")
    assert runs(source) == [("pending", "paused")] * 2
    assert dispatch.tick() == 0
    assert audit() == []
    resume(Source.objects.all(), by="ann")
    work_off()
    assert runs(source) == [("completed", "applied")] * 2
    assert sorted(models.seen) == ["one", "two"]
    assert audit() == []


def test_who_is_called_off_in_a_paused_flight_ends_and_the_others_wait(source):
    fly(one_flight(source, "one", "two"), until="embed")
    off = IngestRun.objects.earliest("pk")
    cancel(IngestRun.objects.filter(pk=off.pk), by="ann")
    paused(source)
    fly(Flight.objects.get())
    assert runs(source) == [("cancelled", "cancelled"), ("pending", "paused")]


@pytest.mark.django_db(transaction=True)
def test_what_comes_in_while_its_source_is_being_paused_is_held_too(source, elsewhere):
    with transaction.atomic():
        deliver(source, a="one")
        pausing = elsewhere(paused, source)
        assert not pausing.done()
    pausing.result(timeout=10)
    assert standing(source) == {"a": ("held", "paused")}


def test_pausing_twice_and_resuming_what_goes_on_is_told(source):
    paused(source)
    assert paused(source, "again").refused == {"already_paused": [source.pk]}
    resume(Source.objects.all(), by="ann")
    assert resume(Source.objects.all(), by="ann").refused == {"not_paused": [source.pk]}
    assert paused(source).done == {"paused": [source.pk]}
    source.refresh_from_db()
    assert (source.paused, source.paused_why) == (True, "it is being moved")


def another_recipe(models) -> None:
    models.recipe = "moody-2"
    stages.table()["embed"].recipe = "moody-2"
    stages.pipeline_recipe.cache_clear()


def test_what_the_present_recipe_made_is_not_done_again(source):
    deliver(source, a="one")
    work_off()
    told = reprocess(every(Reference), by="ann")
    assert told.counts() == {"done": {"recipe_unchanged": 1}, "refused": {}}
    assert not Handoff.objects.filter(status="pending").exists()


def test_what_another_recipe_made_is_done_again_and_takes_its_place(source, models):
    text = "led_by: Acme > Ann [2011..2014]"
    deliver(source, a=text, b=text, c="other", gone="gone")
    work_off()
    work_off()
    remove(source, "gone")
    work_off()
    another_recipe(models)
    told = reprocess(every(Reference), by="ann", dry_run=True)
    assert told.counts() == {"done": {"reopened": 3}, "refused": {}}
    reprocess(every(Reference), by="ann")
    assert Event.objects.filter(reason="reprocessed", by="ann").count() == 3
    work_off()
    work_off()
    assert set(PatchBatch.objects.filter(status="applied").values_list("recipe", flat=True)) == {
        stages.pipeline_recipe()
    }
    assert PatchBatch.objects.filter(status="applied").count() == 2
    assert reprocess(every(Reference), by="ann").counts()["done"] == {"recipe_unchanged": 3}
    assert audit() == []


def test_with_force_all_is_gone_through_again_without_model_work(source, models):
    deliver(source, a="one")
    work_off()
    seen = list(models.seen)
    assert reprocess(every(Reference), by="ann", force=True).counts()["done"] == {"reopened": 1}
    work_off()
    assert models.seen == seen
    assert audit() == []


def test_statements_do_not_grow_with_the_number_of_rows(statement_count):
    counts = {}
    for size in (2, 40):
        source = make_source()
        deliver(source, **{f"f{n}": f"text {size} {n}" for n in range(size)})
        of = Handoff.objects.filter(source=source)
        for name, deed in (
            ("pause", lambda source=source: paused(source)),
            ("resume", lambda source=source: resume(Source.objects.filter(pk=source.pk), by="ann")),
            ("cancel", lambda of=of: cancel_handoffs(of, by="ann")),
            ("requeue", lambda of=of: requeue(of, by="ann")),
        ):
            statement_count()
            deed()
            counts.setdefault(name, []).append(statement_count())
    assert all(few == many for few, many in counts.values()), counts
