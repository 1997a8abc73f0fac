"""Facts on the real database: what is open is what the live assertions amount to, and what was known stays known."""

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handoffs.models import Reflection
from ingestion import dispatch
from ingestion.flights import advance
from ingestion.recovery import sweep
from patches.models import ApplyTransaction, Assertion, Fact, UncarriedBatch
from patches.timeline import Held, timeline
from tests.builders import make_source
from tests.flying import deliver, fly, open_flights, remove, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

LINES = [
    "led_by: Acme > Ann [2011..2014]",
    "led_by: Acme > Ann [2013..]",
    "led_by: Acme > Bob [2012..]",
    "led_by: Acme > Bob [..2016]",
    "led_by: Acme > Cat [2012..2013]",
    "works_for: Ann > Acme [2001..2003]",
    "works_for: Ann > Acme [2002..]",
    "works_for: Ann > Acme [..2009]",
    "works_for: Ann > Bolt [2004..2004]",
]
document = st.lists(st.sampled_from(LINES), min_size=1, max_size=3, unique=True).map("\n".join)
step = st.tuples(st.sampled_from(["a", "b", "c"]), st.none() | document)


def facts(**conditions) -> set[Held]:
    return {held(fact) for fact in Fact.objects.filter(sys__upper_inf=True, **conditions)}


def held(row: Assertion | Fact) -> Held:
    return Held(
        row.valid.lower,
        row.valid.upper,
        row.object_key,
        row.object_text,
        str(row.object_entity_id) if row.object_entity_id else None,
        row.precision,
        row.basis,
    )


def open_of(subject: str, predicate: str) -> list[tuple[str, int | None, int | None]]:
    rows = Fact.objects.filter(sys__upper_inf=True, subject__key=subject, predicate=predicate).order_by("valid")
    return [(f.object_text, f.valid.lower and f.valid.lower.year, f.valid.upper and f.valid.upper.year) for f in rows]


def as_of(seq: int, reflection: Reflection) -> set[tuple]:
    """Every fact version that the store held when it was at this apply number."""
    rows = Fact.objects.filter(sys__contains=seq, reflection=reflection)
    return set(rows.values_list("slot", "object_key", "valid", "precision", "basis"))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(step, min_size=1, max_size=5))
def test_whatever_is_applied_replaced_and_retired_open_facts_are_the_timeline_of_live_assertions(steps):
    source = make_source()
    reflection = source.reflection
    known: dict[int, set[tuple]] = {}
    for name, content in steps:
        if content is None:
            remove(source, name)
        else:
            deliver(source, **{name: content})
        work_off()
        if latest := ApplyTransaction.objects.filter(reflection=reflection).order_by("seq").last():
            known[latest.seq] = as_of(latest.seq, reflection)

        said = Assertion.objects.filter(reflection=reflection)
        for slot, cardinality in set(said.values_list("slot", "predicate__cardinality")):
            live = map(held, said.filter(slot=slot, live=True))
            assert facts(slot=slot) == set(timeline(live, cardinality))

    # what was known at an earlier apply number is still what was known then
    assert all(as_of(seq, reflection) == then for seq, then in known.items())


def test_the_order_of_documents_does_not_matter():
    found = []
    for order in (LINES, LINES[::-1]):
        source = make_source()
        for n, line in enumerate(order):
            deliver(source, **{f"d{n}": line})
            work_off()
        rows = Fact.objects.filter(sys__upper_inf=True, reflection=source.reflection)
        found.append({(f.predicate_id, f.subject.key, f.object_key, str(f.valid)) for f in rows})
    assert found[0] == found[1]
    assert len(found[0]) >= 4


def test_a_successor_closes_the_one_before_and_going_back_opens_it_again():
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    deliver(source, b="led_by: Acme > Bob [2016..]")
    work_off()
    assert open_of("acme", "led_by") == [("Ann", 2011, 2016), ("Bob", 2016, None)]
    remove(source, "b")
    work_off()
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    assert Fact.objects.filter(sys__upper_inf=False).count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_is_withdrawn_while_a_flight_applies_no_longer_bounds_what_it_tells(elsewhere, at):
    source = make_source()
    deliver(source, b="led_by: Acme > Bob [2016..]")
    work_off()
    remove(source, "b")
    UncarriedBatch.objects.update(since="2026-01-01T00:00Z")  # longer ago than the sweep waits for a new carrier
    deliver(source, a="led_by: Acme > Ann [2011..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    sweeping = []
    at("apply.before_commit", lambda: sweeping.append(elsewhere(sweep)))  # returns once it waits for our apply

    advance(flight.pk, "apply", worker="w")

    sweeping[0].result(timeout=20)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]


def test_the_last_word_on_a_single_valued_slot_can_be_withdrawn():
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    remove(source, "a")
    work_off()
    assert open_of("acme", "led_by") == []


def test_an_unchanged_fact_keeps_its_version_when_a_document_is_replaced():
    source = make_source()
    deliver(source, a="works_for: Ann > Acme [2001..2003]")
    work_off()
    before = Fact.objects.get()
    deliver(source, a="works_for: Ann > Acme [2001..2003]\n\nAnd a word more.")
    work_off()
    assert Fact.objects.get() == before


@pytest.fixture
def fact(models) -> Fact:  # noqa: ARG001  has to be there first
    deliver(make_source(), a="led_by: Acme > Ann [2011..2014]")
    work_off()
    return Fact.objects.get()


def refused(message: str, statement: str, *parameters: object) -> None:
    with pytest.raises(DatabaseError, match=message), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.usefixtures("fact")
def test_two_open_versions_of_a_slot_may_not_overlap():
    columns = "reflection_id, slot, subject_id, predicate_id, object_text, object_key, precision, basis"
    ranges = "tstzrange(%s, %s), int8range(%s, %s)"
    insert = f"INSERT INTO patches_fact ({columns}, valid, sys) SELECT {columns}, {ranges} FROM patches_fact"  # noqa: S608
    for since, until in (("2012-01-01", "2013-01-01"), ("2014-12-31", None), (None, "2011-01-02")):
        refused("open_versions_do_not_overlap", insert, since, until, 2, None)
    with connection.cursor() as cursor:
        cursor.execute(insert, ["2015-01-01", None, 2, None])  # beside it, or closed, it is welcome


@pytest.mark.usefixtures("fact")
@pytest.mark.parametrize(
    "change",
    [
        "valid = tstzrange('2012-01-01', NULL)",
        "object_text = 'Bob'",
        "precision = 'day'",
        "sys = int8range(lower(sys) - 1, NULL)",
        "sys = int8range(lower(sys) - 1, lower(sys) + 1)",
        "object_text = 'Bob', sys = int8range(lower(sys), lower(sys) + 1)",
    ],
)
def test_a_fact_version_can_be_closed_and_nothing_else(change):
    refused("can only be closed", f"UPDATE patches_fact SET {change}")  # noqa: S608
    refused("Cannot delete", "DELETE FROM patches_fact")


@pytest.mark.usefixtures("fact")
def test_a_closed_fact_version_is_never_opened_or_moved_again():
    close = "UPDATE patches_fact SET sys = int8range(lower(sys), lower(sys) + 5)"
    with connection.cursor() as cursor:
        cursor.execute(close)
    refused("can only be closed", "UPDATE patches_fact SET sys = int8range(lower(sys), NULL)")
    refused("can only be closed", "UPDATE patches_fact SET sys = int8range(lower(sys), upper(sys) + 1)")


@pytest.mark.usefixtures("fact")
def test_what_a_document_said_is_never_rewritten():
    refused("Cannot update", "UPDATE patches_assertion SET quote = 'other'")
    refused("Cannot update", "UPDATE patches_passage SET text = 'other'")
    refused("Cannot", "DELETE FROM patches_applytransaction")
