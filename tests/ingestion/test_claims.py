"""Equal contents: ingested once, carried by all that have them, gone with the last."""

import pytest

from ingestion import dispatch
from ingestion.flights import advance
from ingestion.models import IngestRun
from ingestion.recovery import sweep
from ledger import statements
from patches.models import Assertion, Carrier, Fact, Passage, PatchBatch, UncarriedBatch
from tests.builders import make_source
from tests.flying import deliver, deliver_all, fly, open_flights, remove, runs, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

TEXT = "led_by: Acme > Ann [2011..2014]"


@pytest.fixture
def source():
    return make_source()


def carriers() -> set[str]:
    return set(Carrier.objects.values_list("reference__external_id", flat=True))


def knowledge() -> tuple[int, int, int]:
    """Live passages, live assertions, open facts."""
    return (
        Passage.objects.filter(live=True).count(),
        Assertion.objects.filter(live=True).count(),
        Fact.objects.filter(sys__upper_inf=True).count(),
    )


def check_one_content_two_carriers() -> None:
    assert sorted(IngestRun.objects.values_list("status", flat=True)) == ["completed", "duplicate_skipped"]
    [original] = IngestRun.objects.filter(status="completed")
    assert IngestRun.objects.get(status="duplicate_skipped").duplicate_of == original
    assert PatchBatch.objects.count() == 1
    assert carriers() == {"a", "b"}
    assert knowledge() == (1, 1, 1)


def test_two_equal_files_in_one_flight_are_ingested_once(source, settings, models):
    settings.OPEN_FLIGHTS = 1
    deliver(source, a=TEXT, b=TEXT)
    work_off()
    check_one_content_two_carriers()
    assert models.seen == [TEXT]
    assert sorted(standing(source).values()) == [("ingested", "applied"), ("skipped", "already_applied")]


def test_two_files_of_equal_text_and_other_bytes_are_one_content(source):
    deliver(source, a="one\ntwo", b="one\r\ntwo")
    work_off()
    assert sorted(IngestRun.objects.values_list("status", flat=True)) == ["completed", "duplicate_skipped"]


@pytest.mark.django_db(transaction=True)
def test_two_equal_files_in_two_flights_at_once_are_ingested_once(source, settings, elsewhere, at):
    settings.FLIGHT_RUNS = 1
    deliver(source, a=TEXT, b=TEXT)
    dispatch.tick()
    first, second = open_flights()
    claiming, waits_at = [], []

    def the_other_claims_too():
        claiming.append(elsewhere(advance, second.pk, "fetch", worker="second"))  # returns once it waits for our claim
        waits_at.extend(statements.rows("SELECT locktype FROM pg_locks WHERE NOT granted"))

    at("fetch.before_commit", the_other_claims_too)
    assert advance(first.pk, "fetch", worker="first") is True

    assert claiming[0].result(timeout=20) is False
    # Not at the unique constraint: whoever runs into that has to land its runs one by one.
    assert waits_at == [("advisory",)]
    waits = IngestRun.objects.get(status="pending")
    assert waits.reason == "content_claimed"
    assert waits.waits_for == IngestRun.objects.get(flight=first)
    first.refresh_from_db()
    fly(first)
    work_off()
    check_one_content_two_carriers()


def test_a_run_that_waits_for_its_content_is_not_dispatched_before_that_is_settled(source, settings):
    settings.OPEN_FLIGHTS = 1
    deliver(source, a=TEXT, b=TEXT)
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="eval")
    settings.OPEN_FLIGHTS = 5
    assert dispatch.tick() == 0
    deliver(source, c="something else")
    assert dispatch.tick() == 1
    assert set(
        IngestRun.objects.filter(status="running").values_list("handoff__reference__external_id", flat=True)
    ) == {
        "a",
        "c",
    }
    flight.refresh_from_db()
    fly(flight)
    assert dispatch.tick() == 1


def test_when_the_claimant_fails_the_one_that_waited_takes_over(source, settings, models):
    settings.OPEN_FLIGHTS = 1
    deliver(source, a="text with a BUG", b="text with a BUG")
    for _ in range(3):
        IngestRun.objects.filter(status="retry_wait").update(next_attempt_at="2026-01-01T00:00Z")
        work_off()
    first, second = IngestRun.objects.order_by("pk")
    assert (first.status, second.status) == ("quarantined", "retry_wait")
    models.embed = lambda texts: type(models)().embed([text.replace("BUG", "fix") for text in texts])

    IngestRun.objects.filter(pk=second.pk).update(next_attempt_at="2026-01-01T00:00Z")
    work_off()

    assert runs(source) == [("quarantined", "unexpected"), ("completed", "applied")]
    assert carriers() == {second.handoff.reference.external_id}


def test_deleting_one_of_two_equal_files_keeps_what_they_say_and_deleting_both_retires_it(source):
    deliver(source, a=TEXT, b=TEXT)
    work_off()
    remove(source, "a")
    work_off()
    assert knowledge() == (1, 1, 1)
    remove(source, "b")
    work_off()
    assert knowledge() == (0, 0, 0)
    assert PatchBatch.objects.get().status == "superseded"


def test_what_two_documents_say_stays_while_one_of_them_does(source):
    deliver(source, a=TEXT, b=TEXT + "\n\nAnd more.")
    work_off()
    remove(source, "a")
    work_off()
    assert Fact.objects.filter(sys__upper_inf=True).count() == 1


def test_a_file_that_is_restored_is_live_again_with_no_model_work(source, models):
    deliver(source, a=TEXT)
    work_off()
    remove(source, "a")
    work_off()
    models.seen.clear()

    deliver(source, a=TEXT)
    work_off()

    assert knowledge() == (1, 1, 1)
    assert models.seen == []
    assert [batch.status for batch in PatchBatch.objects.all()] == ["applied"]


def test_a_renamed_file_costs_no_model_work_and_its_knowledge_never_blinks(source, models):
    deliver(source, old=TEXT)
    work_off()
    models.seen.clear()
    before = list(Fact.objects.values_list("pk", "sys"))

    deliver(source, new=TEXT)
    remove(source, "old")
    work_off()

    assert models.seen == []
    assert carriers() == {"new"}
    assert list(Fact.objects.values_list("pk", "sys")) == before


def test_an_edit_gives_only_the_new_passages_to_the_models(source, models):
    deliver_all(source, {"a.md": "# One\n\nfirst\n\n# Two\n\nsecond"})
    work_off()
    models.seen.clear()
    deliver_all(source, {"a.md": "# One\n\nfirst\n\n# Two\n\nchanged"})
    work_off()
    assert "changed" in "".join(models.seen)
    assert "first" not in "".join(models.seen)
    assert set(Passage.objects.filter(live=True).values_list("text", flat=True)) >= set(models.seen)
    assert not Passage.objects.filter(live=True, text__contains="second").exists()


def test_an_item_that_goes_while_its_run_is_under_way_leaves_nothing_live(source):
    deliver(source, a=TEXT)
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    remove(source, "a")
    flight.refresh_from_db()
    fly(flight)
    work_off()
    assert knowledge() == (0, 0, 0)
    assert carriers() == set()


@pytest.mark.django_db(transaction=True)
def test_knowledge_that_gets_a_new_carrier_while_it_is_being_withdrawn_stays(source, elsewhere, at):
    deliver(source, a=TEXT)
    work_off()
    remove(source, "a")
    UncarriedBatch.objects.update(since="2026-01-01T00:00Z")  # longer ago than the sweep waits for a new carrier
    deliver(source, b=TEXT)
    dispatch.tick()
    [flight] = open_flights()
    sweeping = []
    at("fetch.before_commit", lambda: sweeping.append(elsewhere(sweep)))  # returns once it waits for our batch

    advance(flight.pk, "fetch", worker="w")

    sweeping[0].result(timeout=20)
    assert carriers() == {"b"}
    assert knowledge() == (1, 1, 1)
