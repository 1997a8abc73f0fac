"""What the gate asks a person about: it waits, is let in, refused or given up. Nothing goes in without a verdict."""

import pytest
from django.db import DatabaseError, connection, transaction

from handoffs.models import Handoff, Trust
from ingestion import dispatch, reviewing
from ingestion.auditing import audit
from ingestion.ingesting import register
from ingestion.models import IngestRun
from ingestion.operating import cancel
from ingestion.recovery import sweep
from ingestion.sync import sync
from ledger.models import Event
from patches.evaluation.judging import RECIPE
from patches.evaluation.policies import publish
from patches.models import Assertion, Fact, Passage, PatchBatch, Verdict
from tests.builders import make_batch, make_source, make_verdict
from tests.flying import deliver, fly, open_flights, remove, runs, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ALL_ASKED = {"checks": {"source_is_trusted": {"limit": 0}}}
TEXT = "led_by: Acme > Ann [2011..]\nmember_of: Ann > Acme [2011..]"


@pytest.fixture
def source():
    """One whose documents all go to a person."""
    made = make_source()
    publish(made.reflection, "all-asked", ALL_ASKED, by="test", why="to try it")
    return made


@pytest.fixture
def batch(source) -> PatchBatch:
    deliver(source, a=TEXT)
    work_off()
    return PatchBatch.objects.get()


def rows(batch: PatchBatch):
    return PatchBatch.objects.filter(pk=batch.pk)


def where(batch: PatchBatch) -> tuple[str, str]:
    batch.refresh_from_db()
    return batch.status, batch.reason


def test_what_the_gate_is_not_sure_of_waits_and_nothing_of_it_is_known(source, batch):
    assert where(batch) == ("in_review", "needs_review")
    assert runs(source) == [("in_review", "needs_review")]
    assert standing(source) == {"a": ("held", "needs_review")}
    verdict = Verdict.objects.get()
    assert (verdict.decision, verdict.policy, verdict.by, verdict.recipe) == ("review", "all-asked-1", "gate", RECIPE)
    assert not Passage.objects.exists()
    assert not open_flights()
    assert audit() == []


def test_what_a_person_approves_is_applied_and_the_events_say_who_and_why(source, batch):
    told = reviewing.approve(rows(batch), "I know them", by="ann")
    assert told.done == {"approved": [batch.pk]}
    work_off()
    assert where(batch) == ("applied", "applied")
    assert runs(source) == [("completed", "applied")]
    assert Assertion.objects.count() == 2
    last = Verdict.objects.order_by("-pk").first()
    assert (last.decision, last.by, last.why, last.digest) == ("approve", "ann", "I know them", batch.digest)
    said = Event.objects.filter(lifecycle="batch", became="approved").values_list("by", "note")
    assert list(said) == [("ann", "I know them")]
    assert audit() == []


def test_a_person_may_leave_claims_out(batch):
    reviewing.approve(rows(batch), "but for the first", by="ann", without=[1])
    work_off()
    assert [one.n for one in Assertion.objects.all()] == [2]


@pytest.mark.parametrize("without", [[0], [7]])
def test_what_is_left_out_has_to_be_a_claim_of_the_batch(batch, without):
    with pytest.raises(reviewing.Unclear, match="claims"):
        reviewing.approve(rows(batch), "hm", by="ann", without=without)
    assert where(batch)[0] == "in_review"


def test_what_a_person_rejects_ends_and_is_refused_when_it_comes_again(source, batch):
    told = reviewing.reject(rows(batch), "not ours", by="ann")
    assert told.done == {"rejected": [batch.pk]}
    assert where(batch) == ("rejected", "person_rejected")
    assert runs(source) == [("eval_rejected", "person_rejected")]
    assert standing(source) == {"a": ("rejected", "person_rejected")}
    deliver(source, b=TEXT)
    work_off()
    assert runs(source)[-1] == ("eval_rejected", "gate_rejected")
    assert where(batch) == ("rejected", "person_rejected")
    assert audit() == []


@pytest.mark.parametrize("deed", [reviewing.approve, reviewing.reject])
def test_a_person_decides_in_words(batch, deed):
    with pytest.raises(reviewing.Unclear, match="say why"):
        deed(rows(batch), "  ", by="ann")
    assert where(batch)[0] == "in_review"


@pytest.mark.parametrize("deed", [reviewing.approve, reviewing.reject])
def test_a_trial_decides_nothing(batch, deed):
    assert sum(map(len, deed(rows(batch), "just looking", by="ann", dry_run=True).done.values())) == 1
    assert where(batch)[0] == "in_review"
    assert Verdict.objects.count() == 1


@pytest.mark.parametrize("deed", [reviewing.approve, reviewing.reject])
def test_what_is_decided_is_not_decided_again(batch, deed):
    reviewing.reject(rows(batch), "no", by="ann")
    assert deed(rows(batch), "or yes", by="bob").refused == {"not_in_review": [batch.pk]}
    assert where(batch) == ("rejected", "person_rejected")


def test_a_review_expires_and_its_content_is_judged_anew_when_it_comes_again(source, batch):
    PatchBatch.objects.update(since="2026-01-01T00:00Z")
    assert sweep().repaired["reviews_over"] == 1
    assert where(batch) == ("rejected", "review_expired")
    assert runs(source) == [("eval_rejected", "review_expired")]
    assert audit() == []
    publish(source.reflection, "default", {}, by="test", why="enough")
    deliver(source, b=TEXT)
    work_off()
    assert where(batch) == ("applied", "applied")


@pytest.mark.usefixtures("batch")
def test_a_review_lasts_as_long_as_the_policy_says(source):
    week_old = "UPDATE patches_patchbatch SET since = now() - interval '8 days'"
    with connection.cursor() as cursor:
        cursor.execute(week_old)
    assert not sweep().repaired["reviews_over"]
    publish(source.reflection, "hasty", ALL_ASKED | {"review_days": 7}, by="test", why="hurry")
    assert sweep().repaired["reviews_over"] == 1


def test_what_another_policy_rejected_is_judged_anew_under_this_one(source):
    publish(
        source.reflection, "strict", {"checks": {"source_is_trusted": {"limit": 0, "then": "reject"}}}, by="t", why="x"
    )
    deliver(source, a=TEXT)
    work_off()
    assert runs(source) == [("eval_rejected", "gate_rejected")]
    deliver(source, b=TEXT)
    work_off()
    assert Verdict.objects.count() == 1  # the same policy, so without work
    publish(source.reflection, "default", {}, by="t", why="x")
    deliver(source, c=TEXT)
    work_off()
    assert runs(source)[-1] == ("completed", "applied")


def test_approving_judges_again_when_the_store_has_moved(source, batch):
    """What the store says now would be overruled by a source that nobody trusts, and the policy refuses that."""
    strict = {"checks": {"no_better_source_is_overruled": {"then": "reject"}, "few_facts_close": {"limit": 0}}}
    strict["checks"]["few_facts_close"]["then"] = "reject"
    publish(source.reflection, "strict", strict, by="test", why="to try it")
    other = make_source(reflection=source.reflection, trust=Trust.HIGH)
    deliver(other, b="led_by: Acme > Bob [2009..]")
    work_off()
    told = reviewing.approve(rows(batch), "I know them", by="ann")
    assert told.refused == {"fails_a_check_now": [batch.pk]}
    assert where(batch)[0] == "in_review"
    last = Verdict.objects.filter(batch=batch).order_by("-pk").first()
    assert (last.decision, last.by, last.policy) == ("reject", "gate", "strict-2")
    assert last.seq > Verdict.objects.filter(batch=batch).earliest("pk").seq


def test_a_newer_payload_takes_over_from_one_that_waits_for_a_person(tmp_path):
    source = register("r", "local_files", "folder", {"root": str(tmp_path)})
    publish(source.reflection, "all-asked", ALL_ASKED, by="test", why="to try it")
    (tmp_path / "a.md").write_text(TEXT)
    sync(source)
    work_off()
    (tmp_path / "a.md").write_text(TEXT.replace("Ann", "Bob") + "\nand more")
    sync(source)
    assert runs(source) == [("cancelled", "newer_payload")]
    work_off()
    assert runs(source) == [("cancelled", "newer_payload"), ("in_review", "needs_review")]
    first = PatchBatch.objects.earliest("pk")
    assert reviewing.approve(rows(first), "late", by="ann").refused == {"nobody_waits_for_it": [first.pk]}
    assert audit() == []


def test_content_that_comes_back_to_a_review_without_a_run_waits_in_it_again(source, batch):
    cancel(IngestRun.objects.all(), by="ann")
    assert where(batch)[0] == "in_review"
    deliver(source, b=TEXT)
    work_off()
    assert runs(source)[-1] == ("in_review", "needs_review")
    reviewing.approve(rows(batch), "now", by="ann")
    work_off()
    assert where(batch) == ("applied", "applied")


def test_what_waited_behind_a_review_goes_its_way_when_that_ends(source, batch):
    deliver(source, b=TEXT)
    work_off()
    assert standing(source)["b"][0] == "ingesting"  # its content is claimed
    reviewing.approve(rows(batch), "good", by="ann")
    work_off()
    assert standing(source) == {"a": ("ingested", "applied"), "b": ("skipped", "already_applied")}


def test_a_newer_payload_that_waits_already_is_not_held_up_by_a_review(source, settings):
    settings.OPEN_FLIGHTS = 1
    deliver(source, a=TEXT)
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="eval")
    deliver(source, a=TEXT + "\nand more")
    flight.refresh_from_db()
    fly(flight)
    assert runs(source) == [("cancelled", "newer_payload")]
    work_off()
    assert runs(source)[-1] == ("in_review", "needs_review")
    assert audit() == []


@pytest.mark.usefixtures("batch")
def test_a_run_whose_document_is_gone_waits_no_longer(source):
    Handoff.objects.update(status="cancelled")
    remove(source, "a")
    sweep()
    assert runs(source) == [("cancelled", "newer_payload")]


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


APPROVE = "UPDATE patches_patchbatch SET status = 'approved', approved_digest = digest"


COPY = """
INSERT INTO patches_patchbatch (reflection_id, source_id, content_hash, recipe, title, digest, status, reason,
                                approved_digest)
SELECT reflection_id, source_id, 'x', recipe, '', digest, '{}', 'proposed', digest FROM patches_patchbatch
"""


def refused():
    return pytest.raises(DatabaseError, match="no approving verdict")


def test_raw_sql_approves_nothing_without_a_verdict():
    make_batch()
    with refused(), transaction.atomic():
        sql(APPROVE)
    assert PatchBatch.objects.get().status == "proposed"


@pytest.mark.parametrize(
    "verdict",
    [{"decision": "review"}, {"decision": "reject"}, {"decision": "approve", "digest": "another"}],
    ids=["review", "reject", "another digest"],
)
def test_raw_sql_approves_nothing_with_another_verdict(verdict):
    make_verdict(make_batch(), **verdict)
    with refused(), transaction.atomic():
        sql(APPROVE)


def test_raw_sql_approves_nothing_whose_latest_verdict_is_no():
    batch = make_batch()
    make_verdict(batch)
    make_verdict(batch, "reject")
    with refused(), transaction.atomic():
        sql(APPROVE)
    make_verdict(batch, "approve", by="ann", why="after all")
    sql(APPROVE)


@pytest.mark.parametrize("status", ["approved", "applied"])
def test_raw_sql_inserts_no_batch_that_is_approved_from_the_start(status):
    with refused(), transaction.atomic():
        make_batch(status="draft")
        sql(COPY.format(status))


def test_raw_sql_applies_nothing_whose_approval_was_taken_back():
    batch = make_batch(status="approved")
    make_verdict(batch, "reject")
    with refused(), transaction.atomic():
        sql("UPDATE patches_patchbatch SET status = 'applied'")


def test_raw_sql_writes_no_persons_verdict_without_words():
    batch = make_batch()
    with pytest.raises(DatabaseError, match="a_person_says_why"), transaction.atomic():
        make_verdict(batch, by="ann")
    with pytest.raises(DatabaseError, match="a_person_says_why"), transaction.atomic():
        make_verdict(batch, why="a gate has no words of its own")
    assert not Fact.objects.exists()
