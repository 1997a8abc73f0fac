"""A flight through its stages: who may write, what one bad item costs the others, what it costs the database."""

import pytest
from django.db import transaction

from handoffs.models import Handoff
from ingestion import dispatch, recovery, stages
from ingestion.flights import advance
from ingestion.lifecycles import RUN
from ingestion.models import Flight, IngestRun, Memo, Quarantine, StageOutput, Visit
from ingestion.passages import hash_of
from ingestion.stages import ORDER
from ledger import statements
from ledger.models import Event
from ledger.reasons import Reason
from patches.models import ApplyTransaction, Passage, PatchBatch
from tests.builders import make_source
from tests.flying import deliver, deliver_all, fly, open_flights, runs, silence, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def source(settings):
    settings.OPEN_FLIGHTS = 1  # so that all that waits goes in one
    return make_source()


def written() -> tuple[int, ...]:
    tables = (StageOutput, PatchBatch, Passage, ApplyTransaction, Event, Quarantine, Visit)
    return tuple(model.objects.count() for model in tables)


def lose(flight: Flight) -> None:
    """Its worker is not heard of for longer than the lease."""
    silence(flight)
    recovery.sweep()


def one_flight(source, *contents: str) -> Flight:
    deliver_all(source, {f"{n}.md": content for n, content in enumerate(contents)})
    dispatch.tick()
    [flight] = open_flights()
    return flight


def test_a_flight_takes_its_runs_from_bytes_to_knowledge(source):
    flight = one_flight(source, "one", "two")
    fly(flight)
    assert runs(source) == [("completed", "applied")] * 2
    assert set(standing(source).values()) == {("ingested", "applied")}
    assert set(Passage.objects.filter(live=True).values_list("text", flat=True)) == {"one", "two"}
    flight.refresh_from_db()
    assert (flight.status, flight.worker) == ("landed", "")
    assert all(reference.applied_payload_id for reference in source.references.all())


@pytest.mark.parametrize("stage", ORDER)
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_comes_back_after_its_flight_was_swept_writes_nothing(source, stage, elsewhere, at):
    flight = one_flight(source, "one")
    fly(flight, until=stage)
    seen = []

    def another_does_it_all():
        elsewhere(lose, flight).result(timeout=20)
        elsewhere(work_off).result(timeout=20)
        seen.append(written())

    at(f"{stage}.boarded", another_does_it_all)

    assert advance(flight.pk, stage, worker="late") is False

    assert written() == seen[0]
    assert runs(source) == [("completed", "applied")]


@pytest.mark.parametrize("stage", ["fetch", "apply"])
@pytest.mark.django_db(transaction=True)
def test_of_two_workers_on_one_stage_only_the_later_to_board_writes(source, stage, elsewhere, at):
    flight = one_flight(source, "one")
    fly(flight, until=stage)

    def another_boards():
        Flight.objects.filter(pk=flight.pk).update(worker="")
        assert elsewhere(advance, flight.pk, stage, worker="later").result(timeout=20) is (stage != "apply")
        # the stage's pointer is put back, so that nothing but the fence stands in the way
        Flight.objects.filter(pk=flight.pk, status="open").update(stage=stage)
        IngestRun.objects.filter(flight=flight, status="running").update(stage=stage)

    at(f"{stage}.boarded", another_boards)
    before = Event.objects.filter(by="late").count()

    assert advance(flight.pk, stage, worker="late") is False
    assert Event.objects.filter(by="late").exclude(reason="started").count() == before


def cancel(run: IngestRun) -> None:
    told = {"reason": Reason.CANCELLED, "by": "operator", "flight": None}
    RUN.move(IngestRun.objects.filter(pk=run.pk), was={"running"}, to="cancelled", **told)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_written_for_a_run_that_was_taken_off_meanwhile(source, elsewhere, at):
    flight = one_flight(source, "one", "two")
    taken, stays = IngestRun.objects.order_by("pk")
    at("fetch.boarded", lambda: elsewhere(cancel, taken).result(timeout=20))

    assert advance(flight.pk, "fetch", worker="w") is True

    taken.refresh_from_db()
    assert (taken.status, taken.stage, taken.outputs.count()) == ("cancelled", "fetch", 0)
    assert stays.outputs.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_is_being_taken_off_while_the_stage_settles_is_not_written_to(source, elsewhere):
    """Settling waits for the operator's transaction, then looks at the run again."""
    flight = one_flight(source, "one", "two")
    taken, stays = IngestRun.objects.order_by("pk")
    settling = []

    def cancel_slowly():
        with transaction.atomic():
            cancel(taken)
            settling.append(elsewhere(advance, flight.pk, "chunk", worker="w"))

    advance(flight.pk, "fetch", worker="w")
    cancel_slowly()

    assert settling[0].result(timeout=20) is True
    assert not taken.outputs.filter(stage="chunk").exists()
    assert stays.outputs.filter(stage="chunk").exists()


@pytest.mark.parametrize("stage", ORDER)
def test_a_message_that_comes_twice_changes_nothing(source, stage):
    flight = one_flight(source, "one")
    fly(flight, until=stage)
    advance(flight.pk, stage, worker="w")
    before = written()
    assert advance(flight.pk, stage, worker="again") is False
    assert written() == before


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_while_its_stage_is_at_work_changes_nothing(source, elsewhere, at):
    flight = one_flight(source, "one")
    others = []
    at(
        "fetch.boarded",
        lambda: others.append(elsewhere(advance, flight.pk, "fetch", worker="again").result(timeout=20)),
    )
    assert advance(flight.pk, "fetch", worker="w") is True
    assert others == [False]


def test_a_forged_message_changes_nothing(source):
    flight = one_flight(source, "one")
    before = written()
    for flight_id, stage in ((flight.pk, "apply"), (flight.pk, "eval"), (flight.pk + 1, "fetch"), (-1, "fetch")):
        assert advance(flight_id, stage, worker="forger") is False
    assert written() == before
    flight.refresh_from_db()
    assert (flight.fence, flight.worker, flight.stage) == (0, "", "fetch")


def test_a_bug_in_one_item_fails_that_item_alone(source):
    contents = [f"text {n}" for n in range(6)] + ["has a BUG"]
    fly(one_flight(source, *contents))
    assert sorted(runs(source)) == [("completed", "applied")] * 6 + [("retry_wait", "unexpected")]
    [broken] = IngestRun.objects.filter(status="retry_wait")
    assert (broken.stage, broken.attempts, broken.failure) == ("embed", 1, "unexpected")
    assert broken.handoff.reference.external_id == "6.md"


def test_what_the_surroundings_do_sends_all_of_the_flight_to_the_next_attempt(source):
    fly(one_flight(source, "one", "two is AWAY"))
    assert runs(source) == [("retry_wait", "remote_unavailable")] * 2
    [(waits,)] = set(statements.rows("SELECT DISTINCT next_attempt_at > now() FROM ingestion_ingestrun"))
    assert waits
    assert not open_flights()


def test_bytes_that_cannot_be_read_end_at_once(source):
    deliver(source, empty="", program=b"\x7fELF\x02\x01\x01" + bytes(100), good="text")
    work_off()
    assert standing(source) == {
        "empty": ("failed", "empty"),
        "program": ("failed", "unsupported_type"),
        "good": ("ingested", "applied"),
    }
    assert not Quarantine.objects.exists()


def try_again(source) -> None:
    IngestRun.objects.filter(source=source, status="retry_wait").update(next_attempt_at="2026-01-01T00:00Z")
    work_off()


def test_a_bug_that_stays_is_quarantined_with_its_traceback_at_the_third_attempt(source):
    deliver(source, bad="has a BUG")
    work_off()
    try_again(source)
    assert runs(source) == [("retry_wait", "unexpected")]
    try_again(source)
    assert runs(source) == [("quarantined", "unexpected")]
    found = Quarantine.objects.get()
    assert (found.stage, found.failure) == ("embed", "unexpected")
    assert found.traceback.endswith("RuntimeError")
    assert standing(source)["bad"] == ("failed", "unexpected")


def test_a_remote_side_that_stays_away_is_given_up_after_five_attempts(source):
    deliver(source, far="is AWAY")
    work_off()
    for attempt in range(2, 6):
        assert runs(source) == [("retry_wait", "remote_unavailable")]
        try_again(source)
        assert IngestRun.objects.get().attempts == attempt
    assert runs(source) == [("quarantined", "remote_unavailable")]


def test_a_run_that_waited_goes_on_at_the_stage_where_it_failed(source):
    fly(one_flight(source, "is AWAY"))
    done = set(StageOutput.objects.values_list("stage", flat=True))
    assert done == {"fetch", "chunk"}
    IngestRun.objects.update(next_attempt_at="2026-01-01T00:00Z")
    dispatch.tick()
    assert [flight.stage for flight in open_flights()] == ["embed"]


def test_a_passage_whose_vector_is_gone_keeps_its_document_out_and_no_other(source):
    flight = one_flight(source, "one", "two")
    fly(flight, until="apply")
    Memo.objects.filter(stage="embed", text_hash=hash_of("two")).delete()

    advance(flight.pk, "apply", worker="w")

    assert sorted(runs(source)) == [("completed", "applied"), ("retry_wait", "unexpected")]
    assert [passage.text for passage in Passage.objects.all()] == ["one"]


def test_vectors_reach_the_passages_as_the_model_made_them(source):
    flight = one_flight(source, "one", "two")
    fly(flight)
    texts = ["one", "two"]
    made = stages.table()["embed"].port.embed(texts)
    kept = {passage.text: passage.vector for passage in Passage.objects.all()}
    assert all((kept[text] == vector).all() for text, vector in zip(texts, made, strict=True))


def test_statements_of_a_stage_do_not_grow_with_the_flight(settings, statement_count, capsys):
    """Eight at most, so the ledger costs the same for one document as for dozens."""
    settings.OPEN_FLIGHTS = 1
    counts = {}
    for size in (2, 30):
        texts = [f"text {size}.{n}\n\nled_by: Org{size} > P{n} [20{n + 10}..]" for n in range(size)]
        flight = one_flight(make_source(), *texts)
        statement_count()
        for stage in ORDER:
            assert advance(flight.pk, stage, worker="w") is (stage != ORDER[-1])
            counts.setdefault(stage, []).append(statement_count())
    with capsys.disabled():
        print(f"\nstatements per stage: { {stage: few for stage, (few, _) in counts.items()} }")  # noqa: T201
    assert all(few == many for few, many in counts.values()), counts
    assert max(few for few, _ in counts.values()) <= 8
    assert Handoff.objects.filter(status="ingested").count() == 32
    assert tuple(counts) == stages.ORDER
