"""The gate: what it lets through, what it takes out of a batch, and when it refuses the whole."""

import pytest
from django.db import connection

from handoffs.models import Handoff
from ingestion import dispatch
from ingestion.models import IngestRun
from patches.evaluation.judging import Judgement
from patches.evaluation.policy import DEFAULT
from patches.evaluation.verdicts import record
from patches.models import Assertion, Fact, Passage, Patch, PatchBatch, Verdict
from tests.builders import make_batch, make_source
from tests.flying import deliver, fly, open_flights, runs, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


def test_the_bad_claims_of_a_document_are_rejected_and_the_good_ones_become_facts():
    deliver(
        make_source(),
        a="led_by: Acme > Ann [2011..]\n"
        "hates: Acme > Bob\n"
        "led_by!: Bolt > Cat\n"
        "works_for: Ann > Acme [2019..2018]\n"
        "works_for: Ann > Acme [2001..2003]",
    )
    work_off()
    assert set(Assertion.objects.values_list("n", flat=True)) == {1, 5}
    assert Verdict.objects.get().rejected == [2, 3, 4]
    assert Fact.objects.count() == 2
    assert Passage.objects.filter(live=True).count() == 1


def test_a_document_most_of_whose_claims_fall_teaches_nothing_and_its_handoff_says_so():
    source = make_source()
    deliver(source, a="\n".join(["hates: Acme > Bob"] * 4))
    work_off()
    assert runs(source) == [("eval_rejected", "gate_rejected")]
    assert list(Handoff.objects.values_list("status", "reason")) == [("rejected", "gate_rejected")]
    assert PatchBatch.objects.get().status == "rejected"
    assert not Passage.objects.exists()


def test_content_that_was_rejected_is_refused_again_without_work(models):
    source = make_source()
    deliver(source, a="\n".join(["hates: Acme > Bob"] * 4))
    work_off()
    models.seen.clear()
    deliver(source, b="\n".join(["hates: Acme > Bob"] * 4))
    work_off()
    assert runs(source) == [("eval_rejected", "gate_rejected")] * 2
    assert models.seen == []


def test_patches_that_were_altered_in_the_database_do_not_pass():
    """Past the trigger that forbids it, as somebody with the keys to the database could."""
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="eval")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE patches_patch SET payload = payload || '{\"object\": \"Bob\"}' WHERE op = 'assert_fact'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    flight.refresh_from_db()
    fly(flight)
    assert runs(source) == [("eval_rejected", "gate_rejected")]
    assert not Fact.objects.exists()


def test_a_verdict_on_another_digest_approves_nothing():
    batch = make_batch(status="proposed", digest="is")
    recorded = record([Judgement(batch.pk, "was", Verdict.Decision.APPROVE, DEFAULT)], by="test")
    assert not recorded.approved
    assert not recorded.steps
    assert not Verdict.objects.exists()


def test_a_batch_whose_approval_was_withdrawn_is_not_applied_and_the_others_are(settings):
    settings.OPEN_FLIGHTS = 1
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]", b="led_by: Bolt > Bob [2011..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    withdrawn = PatchBatch.objects.order_by("pk").first()
    PatchBatch.objects.filter(pk=withdrawn.pk).update(status="rejected")
    flight.refresh_from_db()
    fly(flight)
    assert PatchBatch.objects.filter(status="applied").count() == 1
    assert not Assertion.objects.filter(batch=withdrawn).exists()
    assert IngestRun.objects.filter(status="completed").count() == 1
    assert Patch.objects.filter(batch=withdrawn).exists()
