"""The gate: what it lets through, what it takes out of a batch, and when it refuses the whole."""

from dataclasses import replace

import pytest
from django.db import connection

from handoffs.models import Handoff
from ingestion import dispatch
from ingestion.models import IngestRun
from patches.evaluation.checks import PER_BATCH, PER_PATCH, Judged
from patches.evaluation.judge import Judgement, judge, record
from patches.models import Assertion, Fact, Passage, Patch, PatchBatch, Verdict
from patches.predicates import vocabulary
from patches.propose import digest_of
from tests.builders import make_batch, make_source
from tests.flying import deliver, fly, open_flights, runs, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

TEXT = "Ann has led Acme since 2011."
GOOD = {
    "predicate": "led_by",
    "subject": "Acme",
    "subject_type": "organization",
    "subject_key": "acme",
    "object": "Ann",
    "object_type": "person",
    "object_key": "ann",
    "from": "2011",
    "to": None,
    "dated": None,
    "polarity": "asserted",
    "quote": "Ann has led Acme",
    "start": 0,
    "end": 16,
}


def judged(**claim) -> Judged:
    patches = (("put_passages", {"spans": []}), ("assert_fact", GOOD), ("assert_fact", GOOD | claim))
    return Judged(digest_of(patches), TEXT, patches, vocabulary())


@pytest.mark.parametrize(
    ("check", "claim"),
    [
        ("quote_is_verbatim", {"quote": "Ann leads Acme"}),
        ("quote_is_verbatim", {"start": 1}),
        ("quote_is_verbatim", {"quote": "", "end": 0}),
        ("quote_is_verbatim", {"start": 500, "end": 516}),
        ("predicate_is_known", {"predicate": "hates"}),
        ("predicate_is_known", {"subject_type": "person"}),
        ("predicate_is_known", {"object_type": "place"}),
        ("claim_is_asserted", {"polarity": "negated"}),
        ("claim_is_asserted", {"polarity": "hedged"}),
        ("claim_is_asserted", {"polarity": "reported"}),
        ("predicate_is_known", {"object_key": ""}),
        ("time_makes_sense", {"from": "2019", "to": "2018"}),
        ("time_makes_sense", {"from": "2019-02-30"}),
        ("time_makes_sense", {"from": "2019-05-02-07"}),
        ("time_makes_sense", {"dated": "soon"}),
    ],
)
def test_a_claim_that_does_not_stand_is_taken_out_and_the_others_stay(check, claim):
    judgement = judge(1, judged(**claim))
    assert judgement.decision == "approve"
    assert judgement.rejected == [2]
    assert [name for name in PER_PATCH if not judgement.checks[name]["passed"]] == [check]


def test_a_claim_that_does_not_say_how_it_stands_is_asserted():
    unsaid = {name: value for name, value in GOOD.items() if name != "polarity"}
    patches = (("assert_fact", unsaid),)
    assert judge(1, Judged(digest_of(patches), TEXT, patches, vocabulary())).rejected == []


def test_a_text_full_of_rumours_was_read_well():
    patches = (("assert_fact", GOOD), *[("assert_fact", GOOD | {"polarity": "hedged"})] * 9)
    judgement = judge(1, Judged(digest_of(patches), TEXT, patches, vocabulary()))
    assert (judgement.decision, len(judgement.rejected)) == ("approve", 9)


def test_a_batch_without_fault_passes_every_check():
    judgement = judge(1, judged())
    assert (judgement.decision, judgement.rejected) == ("approve", [])
    assert set(judgement.checks) == set(PER_PATCH) | set(PER_BATCH)


def test_patches_that_are_not_the_ones_proposed_are_refused_whole():
    proposed = judged()
    altered = replace(proposed, patches=(*proposed.patches[:2], ("assert_fact", GOOD | {"object": "Bob"})))
    judgement = judge(1, altered)
    assert judgement.decision == "reject"
    assert not judgement.checks["digest_matches"]["passed"]


@pytest.mark.parametrize(("bad", "good", "decision"), [(3, 0, "approve"), (4, 4, "approve"), (4, 3, "reject")])
def test_a_batch_most_of_whose_claims_fall_is_refused_whole(bad, good, decision):
    patches = (*[("assert_fact", GOOD | {"predicate": "hates"})] * bad, *[("assert_fact", GOOD)] * good)
    assert judge(1, Judged(digest_of(patches), TEXT, patches, vocabulary())).decision == decision


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
    approved, _ = record([Judgement(batch.pk, "was", Verdict.Decision.APPROVE, [], {})], by="test")[:2]
    batch.refresh_from_db()
    assert (list(approved), batch.status) == ([], "proposed")


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
