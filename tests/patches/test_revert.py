"""Taking batches back, in any order, and letting them count again."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs.models import Handoff, Reference
from ingestion import dispatch, stages
from ingestion.auditing import audit
from ledger.models import Event
from patches.models import ApplyTransaction, Carrier, Fact, Passage, PatchBatch
from patches.revert import Turned, restore, revert
from tests.builders import make_batch, make_source
from tests.flying import deliver, fly, hash_of, open_flights, remove, runs, standing, work_off
from tests.patches.test_knowledge import as_of, document, open_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ANN, BOB, CAT = ("led_by: Acme > Ann [2011..]", "led_by: Acme > Bob [2016..]", "led_by: Acme > Cat [2020..]")


def tell(source, **items: str) -> PatchBatch:
    """Deliver one item and ingest it; return its batch."""
    deliver(source, **items)
    work_off()
    [text] = items.values()
    return PatchBatch.objects.filter(source=source, content_hash=hash_of(text)).latest("pk")


def of(*batches: PatchBatch):
    return PatchBatch.objects.filter(pk__in=[batch.pk for batch in batches])


def take_back(*batches: PatchBatch, **options) -> Turned:
    return revert(of(*batches), by="ann", reason="it is wrong", **options)


def bring_back(*batches: PatchBatch, **options) -> Turned:
    return restore(of(*batches), by="ann", reason="it is right", **options)


def status(batch: PatchBatch) -> str:
    return PatchBatch.objects.get(pk=batch.pk).status


def holds(reflection) -> set[tuple]:
    """What the store holds true, without the numbers of rows."""
    rows = Fact.objects.filter(reflection=reflection, sys__upper_inf=True)
    return set(rows.values_list("slot", "object_key", "valid", "precision", "basis"))


def test_what_only_the_batch_said_is_gone_and_what_it_closed_is_open_again():
    source = make_source()
    tell(source, a=ANN)
    before = holds(source.reflection)
    bob = tell(source, b=BOB)

    told = take_back(bob)

    assert holds(source.reflection) == before
    assert told.batches.counts() == {"done": {"reverted": 1}, "refused": {}}
    assert sorted((f.subject, f.object, f.valid_from.year, f.valid_to and f.valid_to.year) for f in told.closed) == [
        ("Acme", "Ann", 2011, 2016),
        ("Acme", "Bob", 2016, None),
    ]
    assert [(f.object, f.valid_from.year, f.valid_to) for f in told.opened] == [("Ann", 2011, None)]
    assert (told.passages_gone, told.passages_back) == (1, 0)
    assert not Passage.objects.filter(batch=bob, live=True).exists()
    assert not Carrier.objects.filter(batch=bob).exists()
    event = Event.objects.filter(lifecycle="batch", row_id=bob.pk).latest("id")
    assert (event.was, event.became, event.reason, event.by, event.note) == (
        "applied", "reverted", "reverted", "ann", "it is wrong",
    )  # fmt: skip
    latest = ApplyTransaction.objects.latest("seq")
    assert (latest.reason, latest.by, list(told.seqs)) == ("reverted", "ann", [latest.seq])
    assert audit() == []


def test_a_document_falls_back_to_what_it_said_before():
    source = make_source()
    first = tell(source, a=ANN)
    second = tell(source, a=BOB)
    assert open_of("acme", "led_by") == [("Bob", 2016, None)]

    told = take_back(second)

    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    assert told.batches.done == {"live_again": [first.pk], "reverted": [second.pk]}
    assert (told.passages_gone, told.passages_back) == (1, 1)
    assert Reference.objects.get().applied_content_hash == first.content_hash
    assert audit() == []


def test_below_a_later_version_nothing_changes_until_that_one_is_reverted_too():
    source = make_source()
    first, second, third = (tell(source, a=text) for text in (ANN, BOB, CAT))

    told = take_back(second)
    assert (told.closed, told.opened) == ([], [])
    assert open_of("acme", "led_by") == [("Cat", 2020, None)]

    take_back(third)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    take_back(first)
    assert open_of("acme", "led_by") == []
    assert Reference.objects.get().applied_payload is None
    assert audit() == []


def test_what_it_said_before_and_says_again_is_what_it_said_last():
    source = make_source()
    oldest = tell(source, a=CAT)
    for text in (ANN, BOB, ANN):
        tell(source, a=text)
    take_back(oldest)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]


def test_below_later_documents_only_what_it_said_goes():
    source = make_source()
    ann, bob, cat = tell(source, a=ANN), tell(source, b=BOB), tell(source, c=CAT)
    take_back(bob)
    assert open_of("acme", "led_by") == [("Ann", 2011, 2020), ("Cat", 2020, None)]
    take_back(cat, ann)
    assert open_of("acme", "led_by") == []


def test_restored_it_is_as_before_the_revert():
    source = make_source()
    first, second = tell(source, a=ANN), tell(source, a=BOB)
    before = holds(source.reflection)
    take_back(second)

    told = bring_back(second)

    assert holds(source.reflection) == before
    assert told.batches.done == {"superseded": [first.pk], "restored": [second.pk]}
    assert (status(first), status(second)) == ("superseded", "applied")
    assert Event.objects.filter(lifecycle="batch", row_id=second.pk, note="it is right").count() == 1
    assert audit() == []


def test_restored_below_a_later_version_it_lives_once_that_one_goes():
    source = make_source()
    first, second = tell(source, a=ANN), tell(source, a=BOB)
    take_back(first)
    assert bring_back(first).batches.done == {"allowed_again": [first.pk]}
    assert open_of("acme", "led_by") == [("Bob", 2016, None)]
    take_back(second)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]


def test_content_that_was_reverted_does_not_come_back_by_itself(models):
    source = make_source()
    bob = tell(source, a=BOB)
    take_back(bob)
    models.seen.clear()

    tell(source, copy=BOB)
    tell(source, a=ANN)
    tell(source, a=BOB)

    assert open_of("acme", "led_by") == [("Ann", 2011, None)], "what it said in between still stands"
    assert set(
        Handoff.objects.filter(payload_id=hash_of(BOB)).values_list("reference__external_id", "status", "reason")
    ) == {
        ("a", "rejected", "reverted"),
        ("copy", "rejected", "reverted"),
    }
    assert runs(source)[1] == ("eval_rejected", "reverted")
    assert models.seen == [ANN]
    assert audit() == []


def test_restored_it_is_carried_by_all_who_said_it_meanwhile():
    source = make_source()
    bob = tell(source, a=BOB)
    take_back(bob)
    tell(source, copy=BOB)
    remove(source, "a")
    work_off()

    assert bring_back(bob).batches.done == {"restored": [bob.pk]}

    assert open_of("acme", "led_by") == [("Bob", 2016, None)]
    assert [carrier.reference.external_id for carrier in Carrier.objects.filter(batch=bob)] == ["copy"]
    assert audit() == []


def test_restored_while_nobody_says_it_it_comes_back_when_somebody_does(models):
    source = make_source()
    bob = tell(source, a=BOB)
    remove(source, "a")
    work_off()
    take_back(bob)
    bring_back(bob)
    assert open_of("acme", "led_by") == []
    models.seen.clear()
    tell(source, b=BOB)
    assert open_of("acme", "led_by") == [("Bob", 2016, None)]
    assert models.seen == []


def test_another_reading_of_content_that_was_reverted_is_not_let_in_either(monkeypatch):
    source = make_source()
    take_back(tell(source, a=BOB))
    monkeypatch.setattr(stages, "pipeline_recipe", lambda: "another")
    tell(source, copy=BOB)
    assert standing(source)["copy"] == ("rejected", "reverted")
    assert PatchBatch.objects.count() == 1


def test_what_was_reverted_of_an_older_reading_does_not_hold_up_a_younger_one(monkeypatch):
    source = make_source()
    first = tell(source, a=BOB)
    monkeypatch.setattr(stages, "pipeline_recipe", lambda: "another")
    second = make_batch(source, "superseded", content_hash=first.content_hash, recipe="another")
    take_back(first)
    monkeypatch.setattr(stages, "pipeline_recipe", lambda: "a third")
    tell(source, copy=BOB)
    assert PatchBatch.objects.filter(pk__gt=second.pk).get().status == "applied"


def test_of_two_files_with_one_content_both_lose_it():
    source = make_source()
    tell(source, a=ANN)
    both = tell(source, a=BOB)
    tell(source, b=BOB)
    take_back(both)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    assert [carrier.reference.external_id for carrier in Carrier.objects.all()] == ["a"]


@pytest.mark.parametrize("was", ["proposed", "in_review", "approved", "rejected"])
def test_what_was_never_applied_is_left_alone(was):
    batch = make_batch(status=was)
    assert take_back(batch).batches.refused == {"not_applied": [batch.pk]}
    assert bring_back(batch).batches.refused == {"not_reverted": [batch.pk]}
    assert status(batch) == was
    assert not ApplyTransaction.objects.exists()


def test_twice_it_is_reverted_once():
    source = make_source()
    bob = tell(source, a=BOB)
    take_back(bob)
    seqs = ApplyTransaction.objects.count()
    assert take_back(bob).batches.refused == {"already_reverted": [bob.pk]}
    assert ApplyTransaction.objects.count() == seqs


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_is_reverted(reason):
    with pytest.raises(ValueError, match="reason"):
        revert(PatchBatch.objects.all(), by="ann", reason=reason)


def test_its_plan_says_what_it_would_do_and_does_nothing():
    source = make_source()
    tell(source, a=ANN)
    bob = tell(source, a=BOB)
    before, rows = holds(source.reflection), Fact.objects.count()

    plan = take_back(bob, dry_run=True)

    assert (holds(source.reflection), Fact.objects.count(), status(bob)) == (before, rows, "applied")
    done = take_back(bob)
    assert (plan.batches, plan.closed, plan.opened) == (done.batches, done.closed, done.opened)


def test_batches_of_several_reflections_are_reverted_each_in_its_own():
    one, other = make_source(), make_source()
    batches = [tell(one, a=ANN), tell(other, a=ANN)]
    told = take_back(*batches)
    assert len(set(told.seqs)) == 2
    assert len(told.closed) == 2
    assert not Fact.objects.filter(sys__upper_inf=True).exists()


def test_it_takes_a_constant_number_of_statements(statement_count):
    counts = []
    for size in (2, 20):
        source = make_source()
        batches = [tell(source, **{f"d{n}": f"works_for: P{n} > Acme [2001..]"}) for n in range(size)]
        statement_count()
        take_back(*batches)
        bring_back(*batches)
        counts.append(statement_count())
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_a_second_file_that_takes_up_the_content_meanwhile_does_not_carry_it(elsewhere, at):
    source = make_source()
    bob = tell(source, a=BOB)
    deliver(source, b=BOB)
    working = []
    at("revert.before_commit", lambda: working.append(elsewhere(work_off)))  # returns once it waits for our revert

    take_back(bob)

    working[0].result(timeout=20)
    assert standing(source)["b"] == ("rejected", "reverted")
    assert not Carrier.objects.exists()
    assert audit() == []


def test_reverted_while_a_run_is_about_to_bring_it_back_it_stays_out(settings):
    settings.OPEN_FLIGHTS = 1
    source = make_source()
    bob = tell(source, a=BOB)
    remove(source, "a")
    work_off()
    deliver(source, b=BOB, c=ANN)
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")

    take_back(bob)

    flight.refresh_from_db()
    fly(flight)
    assert standing(source)["b"] == ("rejected", "reverted")
    assert standing(source)["c"] == ("ingested", "applied")
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    assert audit() == []


class Model:
    """What each item said last and has now, and which contents are reverted: all that the knowledge may depend on."""

    def __init__(self) -> None:
        self.said: dict[str, list[str]] = {}
        self.reverted: set[str] = set()
        self.known: set[str] = set()

    def standing(self) -> set[str]:
        last = [[text for text in said if text in self.known - self.reverted] for said in self.said.values()]
        return {texts[-1] for texts in last if texts}


deeds = st.one_of(
    st.tuples(st.just("tell"), st.sampled_from("abc"), document),
    st.tuples(st.sampled_from(["revert", "restore"]), st.integers(0, 9), st.integers(0, 9)),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(deeds, min_size=2, max_size=9))
def test_in_whatever_order_things_are_told_reverted_and_restored_the_surviving_contents_decide(steps):
    source, model = make_source(), Model()
    answered: dict[int, set[tuple]] = {}
    for deed, which, what in steps:
        if deed == "tell":
            tell(source, **{which: what})
            model.said.setdefault(which, [])
            model.said[which] = [text for text in model.said[which] if text != what] + [what]
            model.known.add(what)
        elif model.known:
            ordered = sorted(model.known)
            texts = {ordered[which % len(ordered)], ordered[what % len(ordered)]}
            hashes = [hash_of(text) for text in texts]
            rows = PatchBatch.objects.filter(source=source, content_hash__in=hashes)
            if deed == "revert":
                revert(rows, by="ann", reason="wrong")
                model.reverted |= texts
            else:
                restore(rows, by="ann", reason="right")
                model.reverted -= texts
        if latest := ApplyTransaction.objects.filter(reflection=source.reflection).last():
            answered[latest.seq] = as_of(latest.seq, source.reflection)

    assert audit() == []
    live = set(PatchBatch.objects.filter(source=source, status="applied").values_list("content_hash", flat=True))
    assert live == {hash_of(text) for text in model.standing()}
    assert all(as_of(seq, source.reflection) == then for seq, then in answered.items())
    # a store that was only ever told what survives holds the same
    fresh = make_source()
    for n, text in enumerate(sorted(model.standing())):
        deliver(fresh, **{f"d{n}": text})
    work_off()
    assert said(source) == said(fresh)


def said(source) -> set[tuple]:
    rows = Fact.objects.filter(reflection=source.reflection, sys__upper_inf=True)
    return set(rows.values_list("subject__key", "predicate", "object_key", "valid", "precision", "basis"))
