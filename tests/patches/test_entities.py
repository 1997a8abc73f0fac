"""Merging entities and taking them apart: facts are of whom their entities count as, and it can all be taken back."""

from uuid import UUID, uuid5

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs.models import Reflection
from ingestion import dispatch
from ingestion.auditing import audit
from ingestion.models import Flight
from patches.entities import Ordered, listed, merge, split, words
from patches.export import export
from patches.facts import View, facts
from patches.identities import canonical
from patches.models import Alias, ApplyTransaction, Assertion, Entity, Fact, PatchBatch, Verdict
from patches.moments import Unclear
from patches.names import NAMESPACE
from patches.revert import restore, revert
from tests.builders import make_source
from tests.flying import deliver, fly, open_flights, remove, work_off
from tests.patches.test_knowledge import as_of, open_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

SHORT, LONG = "led_by: Acme > Ann S. [2011..2013]", "led_by: Acme > Ann Smith [2014..2016]"


def told(*lines: str) -> Reflection:
    source = make_source()
    deliver(source, **{f"d{n}": line for n, line in enumerate(lines)})
    work_off()
    return source.reflection


def told_later(reflection: Reflection, text: str) -> None:
    deliver(reflection.sources.get(), later=text)
    work_off()


def who(reflection: Reflection, key: str) -> Entity:
    return Entity.objects.get(reflection=reflection, key=key)


def one(reflection: Reflection, key: str, other: str, **options) -> Ordered:
    return merge(who(reflection, key), who(reflection, other), by="ann", reason="the same", **options)


def apart(reflection: Reflection, key: str, **options) -> Ordered:
    return split(who(reflection, key), by="ann", reason="two", **options)


def take_back(*orders: Ordered) -> None:
    revert(PatchBatch.objects.filter(pk__in=[order.batch for order in orders]), by="ann", reason="wrong")


def bring_back(*orders: Ordered) -> None:
    restore(PatchBatch.objects.filter(pk__in=[order.batch for order in orders]), by="ann", reason="right")


def lines(reflection: Reflection) -> list[str]:
    return list(export(reflection))


def test_what_is_said_of_two_is_said_of_one():
    reflection = told("works_for: Ann S. > Acme [2001..2003]", "works_for: Ann Smith > Acme [2003..2005]")

    order = one(reflection, "ann s.", "ann smith")

    assert open_of("ann smith", "works_for") == [("Acme", 2001, 2006)]
    assert open_of("ann s.", "works_for") == []
    assert (order.applied, order.says) == (True, "Ann S. is Ann Smith")
    assert sorted(change.subject for change in order.closed) == ["Ann S.", "Ann Smith"]
    assert [(change.subject, change.valid_from.year) for change in order.opened] == [("Ann Smith", 2001)]
    [known] = facts(reflection.pk)
    assert sorted(evidence.quote[:18] for evidence in known.evidence) == ["works_for: Ann S. ", "works_for: Ann Smi"]
    assert audit() == []


def test_an_object_that_counts_as_another_is_the_same_value():
    reflection = told(SHORT, LONG)
    one(reflection, "ann s.", "ann smith")
    assert open_of("acme", "led_by") == [("Ann Smith", 2011, 2017)]
    [known] = facts(reflection.pk)
    assert len(known.evidence) == 2
    assert audit() == []


def test_both_ends_at_once():
    reflection = told("works_for: Ann S. > Acme Ltd [2001..]", "works_for: Ann Smith > Acme [2003..]")
    one(reflection, "ann s.", "ann smith")
    one(reflection, "acme ltd", "acme")
    assert open_of("ann smith", "works_for") == [("Acme", 2001, None)]


def test_what_is_said_later_goes_where_it_belongs():
    reflection = told(SHORT, LONG)
    one(reflection, "ann s.", "ann smith")
    told_later(reflection, "led_by: Acme > Ann S. [2017..2019]\nworks_for: Ann S. > Acme [2001..]")
    assert open_of("acme", "led_by") == [("Ann Smith", 2011, 2020)]
    assert open_of("ann smith", "works_for") == [("Acme", 2001, None)]
    assert audit() == []


def test_the_revert_of_a_merge_restores_exactly_what_was():
    reflection = told(SHORT, LONG, "works_for: Ann S. > Acme [2001..]")
    before = lines(reflection)
    order = one(reflection, "ann s.", "ann smith")
    after = lines(reflection)
    assert after != before

    take_back(order)
    assert lines(reflection) == before
    bring_back(order)
    assert lines(reflection) == after
    assert audit() == []


def test_a_split_takes_apart_and_its_revert_joins_again():
    reflection = told(SHORT, LONG)
    before = lines(reflection)
    one(reflection, "ann s.", "ann smith")
    joined = lines(reflection)

    order = apart(reflection, "ann s.")
    assert lines(reflection) == before
    assert order.says == "Ann S. is itself alone"
    take_back(order)
    assert lines(reflection) == joined


def test_a_document_that_was_away_during_the_merge_comes_back_to_where_it_belongs():
    source = make_source()
    deliver(source, a=SHORT, b=LONG)
    work_off()
    remove(source, "a")
    work_off()
    one(source.reflection, "ann s.", "ann smith")
    deliver(source, c=SHORT)
    work_off()
    assert open_of("acme", "led_by") == [("Ann Smith", 2011, 2017)]
    assert audit() == []


def test_what_was_taken_back_before_a_merge_is_brought_back_to_where_it_belongs():
    reflection = told("works_for: Ann S. > Acme [2001..2003]", "works_for: Ann Smith > Acme [2003..2005]")
    first = PatchBatch.objects.earliest("pk")
    revert(PatchBatch.objects.filter(pk=first.pk), by="ann", reason="wrong")
    one(reflection, "ann s.", "ann smith")
    restore(PatchBatch.objects.filter(pk=first.pk), by="ann", reason="right")
    assert open_of("ann smith", "works_for") == [("Acme", 2001, 2006)]
    assert audit() == []


def test_chains_are_followed_and_each_link_can_be_taken_back_by_itself():
    reflection = told(
        *(f"works_for: {name} > Acme [{year}..{year}]" for name, year in (("A", 2001), ("B", 2003), ("C", 2005)))
    )
    first = one(reflection, "a", "b")
    second = one(reflection, "b", "c")
    assert len(open_of("c", "works_for")) == 3
    take_back(first)
    assert (len(open_of("a", "works_for")), len(open_of("c", "works_for"))) == (1, 2)
    bring_back(first)
    take_back(second)
    assert (len(open_of("b", "works_for")), len(open_of("c", "works_for"))) == (2, 1)
    assert audit() == []


def test_a_circle_is_one_and_counts_as_who_was_named_first():
    reflection = told("works_for: A > Acme [2001..]", "works_for: B > Acme [2003..]")
    first = one(reflection, "a", "b")
    take_back(first)
    second = one(reflection, "b", "a")
    bring_back(first)
    assert len(open_of("b", "works_for")) == 1
    assert open_of("a", "works_for") == []
    take_back(first)
    assert open_of("a", "works_for") == [("Acme", 2001, None)]
    take_back(second)
    assert audit() == []


def test_what_was_known_before_the_merge_is_still_what_was_known_then():
    reflection = told(SHORT, LONG)
    seq = ApplyTransaction.objects.latest("seq").seq
    then = as_of(seq, reflection)
    quotes = [(known.object, [evidence.quote for evidence in known.evidence]) for known in facts(reflection.pk)]

    one(reflection, "ann s.", "ann smith")

    assert as_of(seq, reflection) == then
    seen = facts(reflection.pk, seen=View(known_at=seq))
    assert [(known.object, [evidence.quote for evidence in known.evidence]) for known in seen] == quotes
    about = facts(reflection.pk, about=[who(reflection, "ann s.").pk], seen=View(known_at=seq))
    assert [known.object for known in about] == ["Ann S."]
    assert [known.object for known in facts(reflection.pk, about=[who(reflection, "ann s.").pk])] == ["Ann Smith"]


def test_the_gate_lets_no_two_kinds_be_one():
    reflection = told(SHORT)
    before = lines(reflection)
    order = one(reflection, "ann s.", "acme")
    assert (order.applied, list(order.offending)) == (False, ["identity_makes_sense"])
    assert PatchBatch.objects.get(pk=order.batch).status == "rejected"
    assert Verdict.objects.get(batch=order.batch).decision == "reject"
    assert lines(reflection) == before


def test_what_is_one_already_is_said_so():
    reflection = told(SHORT, LONG)
    one(reflection, "ann s.", "ann smith")
    for pair in (("ann s.", "ann smith"), ("ann smith", "ann s."), ("acme", "acme")):
        with pytest.raises(Unclear, match="one already"):
            one(reflection, *pair)
    with pytest.raises(Unclear, match="nobody else"):
        apart(reflection, "ann smith")
    with pytest.raises(Unclear, match="one reflection"):
        merge(who(reflection, "acme"), who(told(SHORT), "acme"), by="ann", reason="the same")
    with pytest.raises(ValueError, match="reason"):
        merge(who(reflection, "acme"), who(reflection, "ann smith"), by="ann", reason=" ")


def test_a_plan_says_what_would_happen_and_does_nothing():
    reflection = told(SHORT, LONG)
    before = lines(reflection)
    plan = one(reflection, "ann s.", "ann smith", dry_run=True)
    assert lines(reflection) == before
    assert not Alias.objects.exists()
    done = one(reflection, "ann s.", "ann smith")
    assert (plan.closed, plan.opened, plan.applied) == (done.closed, done.opened, True)


def test_they_are_listed_with_their_names_and_what_was_said_of_them():
    reflection = told(SHORT, LONG)
    order = one(reflection, "ann s.", "ann smith")
    [ann] = listed(reflection.pk, type_="person")
    assert (ann.name, ann.also, ann.facts, ann.named_in) == ("Ann Smith", ["Ann S."], 0, 1)
    assert [entity.name for entity in listed(reflection.pk, like="ACM")] == ["Acme"]
    assert listed(reflection.pk, like="%") == []
    [word] = words([ann.id])
    assert (word.batch, word.entity, word.same_as, word.status, word.by, word.why) == (
        order.batch, "Ann S.", "Ann Smith", "applied", "ann", "the same",
    )  # fmt: skip


def test_it_takes_a_constant_number_of_statements(statement_count):
    counts = []
    for size in (2, 30):
        reflection = told(
            *(f"works_for: {name} > B{n} [2001..]" for n in range(size) for name in ("Ann S.", "Ann Smith"))
        )
        statement_count()
        order = one(reflection, "ann s.", "ann smith")
        take_back(order)
        counts.append(statement_count())
    assert counts[0] == counts[1]


def refused(message: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match=message), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_refuses_to_rewrite_who_was_whom():
    reflection = told(SHORT, LONG)
    one(reflection, "ann s.", "ann smith")
    refused("Cannot update", "UPDATE patches_identity SET entity_id = same_as_id, same_as_id = entity_id")
    refused("can only be closed", "UPDATE patches_alias SET entity_id = canonical_id, canonical_id = entity_id")
    refused("Cannot delete", "DELETE FROM patches_alias")
    columns = "entity_id, canonical_id, sys"
    refused("one_open_alias_per_entity", f"INSERT INTO patches_alias ({columns}) SELECT {columns} FROM patches_alias")  # noqa: S608
    themselves = "SELECT canonical_id, canonical_id, sys FROM patches_alias"
    refused("alias_of_another", f"INSERT INTO patches_alias ({columns}) {themselves}")
    itself = "SELECT batch_id, n + 1, entity_id, entity_id, true FROM patches_identity"
    refused("identity_names_two", f"INSERT INTO patches_identity (batch_id, n, entity_id, same_as_id, live) {itself}")


@pytest.mark.django_db(transaction=True)
def test_who_is_merged_while_a_flight_applies_gets_what_it_tells(elsewhere, at):
    reflection = told(SHORT, LONG)
    deliver(reflection.sources.get(), later="works_for: Ann S. > Acme [2001..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    merging = []
    at("apply.before_commit", lambda: merging.append(elsewhere(one, reflection, "ann s.", "ann smith")))

    fly(Flight.objects.get(pk=flight.pk))

    merging[0].result(timeout=20)
    assert open_of("ann smith", "works_for") == [("Acme", 2001, None)]
    assert audit() == []


IDS = [uuid5(NAMESPACE, name) for name in "abcdef"]
said = st.lists(
    st.tuples(st.sampled_from(IDS), st.none() | st.sampled_from(IDS)).filter(lambda w: w[0] != w[1]), max_size=12
)


@given(said)
def test_everybody_counts_as_one_who_counts_as_nobody_else(spoken):
    found = canonical(spoken)
    last: dict[UUID, UUID | None] = dict(spoken)
    assert not set(found.values()) & set(found)
    assert set(found) <= {entity for entity, same_as in last.items() if same_as}
    for entity, same_as in last.items():
        if same_as:  # a circle too is one
            assert found.get(entity, entity) == found.get(same_as, same_as)


LINES = [f"works_for: {name} > Acme [{start}..{end}]" for name in "ABC" for start, end in ((2001, 2003), (2004, 2005))]
LINES += [f"led_by: Acme > {name} [{year}..]" for name, year in (("A", 2001), ("B", 2004), ("C", 2003))]
deeds = st.one_of(
    st.tuples(st.just("tell"), st.integers(0, 2), st.sampled_from(LINES)),
    st.tuples(st.just("merge"), st.sampled_from("abc"), st.sampled_from("abc")),
    st.tuples(st.just("split"), st.sampled_from("abc"), st.just("")),
    st.tuples(st.sampled_from(["revert", "restore"]), st.integers(0, 20), st.just("")),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(deeds, min_size=3, max_size=10))
def test_whatever_is_merged_split_reverted_and_restored_in_between_the_store_stays_sound(steps):
    source = make_source()
    for n, name in enumerate("ABC"):
        deliver(source, **{f"first{n}": f"member_of: {name} > Acme"})
    work_off()
    answered = {}
    for deed, which, what in steps:
        if deed == "tell":
            deliver(source, **{f"d{which}": what})
            work_off()
        elif deed in ("merge", "split"):
            try:
                _ = one(source.reflection, which, what) if deed == "merge" else apart(source.reflection, which)
            except Unclear:
                continue
        else:
            batches = list(PatchBatch.objects.filter(reflection=source.reflection).order_by("pk"))
            chosen = PatchBatch.objects.filter(pk=batches[which % len(batches)].pk)
            (revert if deed == "revert" else restore)(chosen, by="ann", reason="because")
        seq = ApplyTransaction.objects.filter(reflection=source.reflection).latest("seq").seq
        answered[seq] = as_of(seq, source.reflection)

    assert audit() == []
    assert all(as_of(seq, source.reflection) == then for seq, then in answered.items())
    merged = set(Alias.objects.filter(sys__upper_inf=True).values_list("entity", flat=True))
    open_facts = Fact.objects.filter(reflection=source.reflection, sys__upper_inf=True)
    assert not merged & set(open_facts.values_list("subject", flat=True))
    # once every order is taken back, it is as if none had been given
    orders = PatchBatch.objects.filter(reflection=source.reflection, source=None)
    revert(orders, by="ann", reason="because")
    assert not Alias.objects.filter(entity__reflection=source.reflection, sys__upper_inf=True).exists()
    for assertion in Assertion.objects.filter(reflection=source.reflection, live=True):
        assert Fact.objects.filter(slot=assertion.slot, subject=assertion.subject, sys__upper_inf=True).exists()
    assert audit() == []
