"""Asking the past: facts and their words as they were known, whatever happened since."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection

from ingestion.asking import facts, view
from patches.facts import View
from patches.lookup import entities, named_in, predicate
from patches.models import ApplyTransaction, Entity
from patches.moments import Unclear, apply_number, period
from tests.builders import make_reflection, make_source
from tests.flying import deliver, remove, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


def latest() -> int:
    return ApplyTransaction.objects.order_by("seq").last().seq


def told(owner, **asked) -> list[tuple[str, int | None, int | None]]:
    valid_at, known_at = asked.pop("valid_at", None), asked.pop("known_at", None)
    seen = view(owner, valid_at=valid_at, known_at=known_at and str(known_at), history=asked.pop("history", False))
    return [
        (fact.object, fact.valid_from and fact.valid_from.year, fact.valid_to and fact.valid_to.year)
        for fact in facts(owner, seen=seen, **asked)
    ]


@pytest.fixture
def corrected(models):  # noqa: ARG001  has to be there first
    """A note says 2016; a later edition of it says 2014. Gives the reflection, and the number before the correction."""
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    deliver(source, b="led_by: Acme > Bob [2016..]")
    work_off()
    before = latest()
    deliver(source, b="led_by: Acme > Bob [2014..]")
    work_off()
    return source.reflection, before


def test_both_clocks_are_asked_at_once(corrected):
    owner, before = corrected
    assert told(owner, valid_at="2015") == [("Bob", 2014, None)]
    assert told(owner, valid_at="2015", known_at=before) == [("Ann", 2011, 2016)]
    assert told(owner, valid_at="2014") == [("Bob", 2014, None)]
    assert told(owner, known_at=before) == [("Ann", 2011, 2016), ("Bob", 2016, None)]
    assert told(owner, known_at="1970-01-01") == []


def test_the_words_are_those_of_the_time_and_name_the_item_that_had_them(corrected):
    owner, before = corrected
    for known_at, words in ((None, "led_by: Acme > Bob [2014..]"), (str(before), "led_by: Acme > Bob [2016..]")):
        seen = view(owner, valid_at="2020", known_at=known_at)
        [fact] = facts(owner, seen=seen)
        assert [(said.quote, said.documents) for said in fact.evidence] == [(words, ["b"])]
        assert (fact.evidence[0].start, fact.evidence[0].end) == (0, len(words))


def test_what_was_answered_stays_the_answer_and_no_later_end_shines_through(corrected):
    owner, before = corrected
    seen = View(known_at=before)
    first = facts(owner, seen=seen)
    source = owner.sources.get()
    deliver(source, c="led_by: Acme > Cat [2012..]")
    remove(source, "a")
    work_off()
    assert facts(owner, seen=seen) == first
    assert {fact.known_to for fact in first} == {None}


def test_history_shows_every_version_and_when_it_was_known(corrected):
    owner, before = corrected
    assert told(owner, history=True) == [
        ("Ann", 2011, 2014),
        ("Ann", 2011, 2016),
        ("Ann", 2011, None),
        ("Bob", 2014, None),
        ("Bob", 2016, None),
    ]
    found = facts(owner, seen=View(history=True))
    assert [fact.known_to is None for fact in found] == [True, False, False, True, False]
    assert all(fact.evidence for fact in found)
    upto = facts(owner, seen=View(history=True, known_at=before))
    assert [(fact.object, fact.known_to) for fact in upto if fact.known_to is None] == [("Ann", None), ("Bob", None)]


def test_a_fact_is_told_only_with_words_of_its_own_time():
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2001..2003]", b="led_by: Acme > Ann [2011..2013]")
    work_off()
    found = facts(source.reflection, seen=View())
    assert [[said.documents for said in fact.evidence] for fact in found] == [[["a"]], [["b"]]]


@pytest.mark.parametrize(
    ("stated", "start", "end"),
    [
        ("2019", (2019, 1, 1), (2020, 1, 1)),
        ("2019-12", (2019, 12, 1), (2020, 1, 1)),
        ("2020-02-29", (2020, 2, 29), (2020, 3, 1)),
        ("0001", (1, 1, 1), (2, 1, 1)),
    ],
)
def test_a_partial_date_is_the_whole_of_it(stated, start, end):
    assert period(stated) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


def test_the_last_year_has_no_end():
    assert period("9999") == (datetime(9999, 1, 1, tzinfo=UTC), None)


@pytest.mark.parametrize("stated", ["0000", "2019-13", "2021-02-29", "may", "", "2019-05-02-01", "-5"])
def test_what_is_no_date_is_said_to_be_none(stated):
    with pytest.raises(Unclear, match="no date"):
        period(stated)


def test_a_time_means_the_last_apply_at_or_before_it():
    owner, other = make_reflection(), make_reflection()
    times = ["2026-05-01T10:00Z", "2026-05-01T12:00Z", "2026-06-01T00:00Z"]
    first, second, third = (ApplyTransaction.objects.create(reflection=owner, at=at).seq for at in times)
    ApplyTransaction.objects.create(reflection=other, at="2026-05-01T11:00Z")
    expected = {
        "2026-05-01T09:59": 0,
        "2026-05-01T10:00": first,
        "2026-05-01T13:59+02:00": first,
        "2026-05-01 12:00:00": second,
        "2026-04": 0,
        "2026-05": second,
        "2026-05-01": second,
        "2026-06-01": third,
        "9999-12-31": third,
        str(second): second,
    }
    assert {stated: apply_number(owner.pk, stated) for stated in expected} == expected


@pytest.mark.parametrize("stated", ["yesterday", "2026-13", "2026-05-01T25:00", "-1", "999999999999"])
def test_a_moment_that_is_none_is_refused(stated):
    with pytest.raises(Unclear):
        apply_number(make_reflection().pk, stated)


def test_an_unknown_name_brings_up_the_names_that_are_near():
    source = make_source()
    deliver(source, a="led_by: Marrow Bay Harbour Trust > Ruth Adeyemi [2011..]")
    work_off()
    owner = source.reflection.pk
    assert entities(owner, "the  marrow bay HARBOUR trust’s") == entities(owner, "Marrow Bay Harbour Trust")
    with pytest.raises(Unclear, match="is it 'Ruth Adeyemi'"):
        entities(owner, "Ruth Adeyemy")
    with pytest.raises(Unclear, match=r"nothing is called '100%_'$"):
        entities(owner, "100%_")
    with pytest.raises(Unclear, match="is it 'led_by'"):
        predicate("lead by")


def test_the_longest_names_in_a_question_are_what_it_asks_about():
    owner = make_reflection()
    names = ["Harbour Trust", "Trust", "Ann", "عائشة", "Zoë"]
    ids = {}
    for n, name in enumerate(names):
        ids[name] = Entity.objects.create(
            id=f"00000000-0000-0000-0000-{n:012}", reflection=owner, type="person", key=name.casefold(), name=name
        ).pk

    def named(words: str) -> list[str]:
        found = [str(id_) for id_ in named_in(owner.pk, words)]
        return [name for name, id_ in ids.items() for one in found if str(id_) == one]

    assert named("Did Ann lead the Harbour Trust?") == ["Harbour Trust", "Ann"]
    assert named("What of “the Trust”, and of Ann's time?") == ["Trust", "Ann"]
    assert named("متى عائشة؟ Zoe\u0308!") == ["عائشة", "Zoë"]
    assert named("") == []


def test_the_past_is_asked_through_an_index(corrected):  # noqa: ARG001  the tables have to be there
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM patches_assertion WHERE slot = %s AND NOT live", [uuid4()])
        assert "assertion_in_slot" in str(cursor.fetchall())
