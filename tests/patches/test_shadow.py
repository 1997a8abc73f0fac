"""The store with a batch in it, without writing it: it foretells what apply does, and the checks ask it."""

from uuid import uuid4

import pytest

from handoffs.models import Trust
from ingestion import dispatch
from ingestion.judging import again
from patches.entities import merge
from patches.evaluation.context import Context
from patches.evaluation.shadow import Shadow
from patches.models import Entity, Fact, Patch, PatchBatch, Verdict
from tests.builders import make_reflection, make_source
from tests.flying import deliver, fly, open_flights, runs, work_off
from tests.gating import GOOD, VOCABULARY, batch, failed, judged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


def leads(person: str, since: str | None = None, until: str | None = None, organization: str = "Acme"):
    quote = f"{organization} {person} {since} {until}"
    named = {"subject": organization, "subject_key": organization.casefold(), "object": person}
    claim = {**GOOD, **named, "object_key": person.casefold(), "from": since, "to": until, "quote": quote, "start": 0}
    return ("assert_fact", {**claim, "end": len(quote)}), quote


def tells(person: str, since: str | None = None, until: str | None = None, **fields):
    claim, quote = leads(person, since, until)
    return batch(claim, text=quote, **fields)


def changes(shadow: Shadow, one) -> tuple[list[str], list[str], set[int]]:
    change = judged(one, shadow=shadow).change
    return (
        [str(line.held.object_text) for line in change.opened],
        [str(line.held.object_text) for line in change.lost],
        set(change.merged),
    )


def test_a_successor_ends_the_term_of_the_one_before_and_the_same_again_is_evidence():
    shadow = Shadow(1)
    assert changes(shadow, tells("Ann", "2011", batch_id=1)) == (["Ann"], [], set())
    assert changes(shadow, tells("Ann", "2011", batch_id=2)) == ([], [], {0})
    assert changes(shadow, tells("Bob", "2017", batch_id=3)) == (["Ann", "Bob"], ["Ann"], set())


def test_the_same_claim_twice_in_one_document_is_one_fact():
    claim, quote = leads("Ann", "2011")
    change = judged(batch(claim, claim, text=quote)).change
    assert (len(change.opened), set(change.merged)) == (1, {1})


def test_more_about_the_same_takes_nothing_away():
    shadow = Shadow(1)
    changes(shadow, tells("Ann", "2011", batch_id=1))
    change = judged(tells("Ann", "2009", batch_id=2), shadow=shadow).change
    assert ([len(change.opened), len(change.closed), len(change.lost)]) == [1, 1, 0]


def test_what_only_an_older_version_of_the_document_said_goes_with_it():
    shadow, mine, other = Shadow(1), uuid4(), uuid4()
    judged(tells("Ann", "2011", batch_id=1, references=frozenset({mine, other})), shadow=shadow)
    kept = judged(tells("Eve", "1999", "2001", batch_id=2, references=frozenset({other})), shadow=shadow)
    assert not kept.change.lost  # the first reference carries it still
    gone = judged(batch(batch_id=3, text="nothing", references=frozenset({mine})), shadow=shadow)
    assert [line.held.object_text for line in gone.change.lost] == ["Ann"]


def test_a_document_that_would_close_many_facts_goes_to_a_person():
    shadow = Shadow(1)
    for n in range(21):
        claim, quote = leads("Ann", "2011", organization=f"Acme{n}")
        judged(batch(claim, text=quote, batch_id=n + 1), shadow=shadow)
    claims = [leads("Bob", "2017", organization=f"Acme{n}") for n in range(21)]
    text, patches = "", []
    for (op, claim), quote in claims:
        patches.append((op, {**claim, "start": len(text), "end": len(text) + len(quote)}))
        text += quote
    judgement = judged(
        batch(*patches, text=text, batch_id=99), shadow=shadow, context=Context(VOCABULARY, open_facts=9999)
    )
    assert (judgement.decision, failed(judgement)) == ("review", ["few_facts_close"])
    few = judged(batch(*patches[:6], text=text, batch_id=99), shadow=shadow, context=Context(VOCABULARY, open_facts=21))
    assert (few.decision, failed(few)) == ("review", ["few_of_all_facts_close"])


@pytest.mark.parametrize(("trust", "decision"), [(0, "review"), (1, "approve"), (2, "approve")])
def test_a_less_trusted_source_overrules_a_better_one_with_a_persons_word_alone(trust, decision):
    shadow = Shadow(1)
    judged(tells("Ann", "2011", batch_id=1, trust=1), shadow=shadow)
    judgement = judged(tells("Bob", "2017", batch_id=2, trust=trust), shadow=shadow)
    assert judgement.decision == decision
    assert list(judgement.held) == ([0] if decision == "review" else [])


def test_a_less_trusted_source_may_confirm_and_say_more():
    shadow = Shadow(1)
    judged(tells("Ann", "2011", batch_id=1, trust=2), shadow=shadow)
    assert judged(tells("Ann", "2009", batch_id=2, trust=0), shadow=shadow).decision == "approve"


def opened_facts() -> set[tuple]:
    rows = Fact.objects.filter(sys__upper_inf=True)
    return {(one.predicate_id, one.object_key, one.valid.lower, one.valid.upper) for one in rows}


def told(lines) -> set[tuple]:
    return {(line.predicate, line.held.object_key, line.held.start, line.held.end) for line in lines}


@pytest.mark.parametrize(
    "texts",
    [
        ["led_by: Acme > Ann [2011..]\nmember_of: Ann > Acme [2011..]", "led_by: Acme > Bob [2017..]"],
        ["led_by: Acme > Ann [2011..]", "led_by: Acme > Ann [2009..2014]\nlocated_in: Acme > Rome"],
        ["led_by: Acme > Ann [2011..2012]\nmember_of: Ann > Acme", "led_by: Acme > Ann [2015..]", "nothing at all"],
        ["member_of: Ann > Acme [2001..2003]", "member_of: Ann > Acme [2003..2005]\nmember_of: Bob > Acme"],
    ],
)
def test_the_shadow_foretells_what_apply_does(texts):
    """The texts are versions of one document beside another one, so each takes back what the one before it said."""
    reflection = make_reflection()
    deliver(make_source(reflection=reflection), other="led_by: Acme > Cid [2005..2010]")
    work_off()
    source = make_source(reflection=reflection)
    for text in texts:
        deliver(source, a=text)
        dispatch.tick()
        [flight] = open_flights()
        fly(flight, until="apply")
        batch = PatchBatch.objects.latest("pk")
        change, before = again([batch.pk])[batch.pk].change, opened_facts()
        work_off()
        flight.refresh_from_db()
        fly(flight)
        assert told(change.opened) == opened_facts() - before
        assert told(change.closed) == before - opened_facts()


def test_the_batches_of_one_flight_see_each_other(settings):
    settings.OPEN_FLIGHTS = 1
    trusted, doubtful = make_source(trust=Trust.HIGH), make_source(trust=Trust.LOW)
    doubtful.reflection = trusted.reflection
    doubtful.save(update_fields=["reflection"])
    deliver(trusted, a="led_by: Acme > Ann [2011..]")
    work_off()
    deliver(doubtful, b="led_by: Acme > Bob [2017..]", c="member_of: Bob > Acme [2017..]")
    work_off()
    assert not open_flights()
    assert sorted(runs(doubtful)) == [("completed", "applied"), ("in_review", "needs_review")]
    held = Verdict.objects.get(decision="review")
    assert held.held == [1]
    assert Patch.objects.get(batch=held.batch, n=1).payload["object"] == "Bob"
    assert Fact.objects.filter(sys__upper_inf=True, object_key="ann").exists()


def test_the_shadow_counts_as_the_store_does_whom_a_person_took_for_one():
    reflection = make_reflection()
    deliver(
        make_source(reflection=reflection), a="led_by: Acme > Ann [2011..]", b="led_by: Acme Ltd > Cid [2001..2003]"
    )
    work_off()
    one, other = (Entity.objects.get(reflection=reflection, name=name) for name in ("Acme Ltd", "Acme"))
    merge(one, other, by="ann", reason="they are one")
    deliver(make_source(reflection=reflection), c="led_by: Acme Ltd > Bob [2017..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    change, before = again([PatchBatch.objects.latest("pk").pk]), opened_facts()
    flight.refresh_from_db()
    fly(flight)
    [foretold] = [one.change for one in change.values()]
    assert told(foretold.closed) == before - opened_facts()
    assert told(foretold.opened) == opened_facts() - before
    assert len(foretold.lost) == 1
