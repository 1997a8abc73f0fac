"""What no well-behaved document says: names that look alike, dates at the ends of time, crowds on one slot."""

import tracemalloc
import unicodedata

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from ingestion.auditing import audit
from ledger.lifecycle import take
from patches.apply import Content, apply, lock
from patches.entities import merge
from patches.facts import facts
from patches.lookup import entities
from patches.models import Assertion, Entity, Fact, PatchBatch, Verdict
from patches.names import key_of
from patches.predicates import vocabulary
from patches.revert import restore, revert
from tests.builders import make_reflection, make_source, make_verdict
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import told
from tests.patches.test_knowledge import open_of
from tests.steps import steps

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

# Written apart, read alike: composed or not, full width, with marks of direction, joiners, capitals, an article.
ALIKE = [
    ("José Álvarez", "Jose\u0301 A\u0301lvarez"),
    ("Acme", "\uff21\uff43\uff4d\uff45"),
    ("רחל", "\u200fרח\u200fל"),
    ("محمد علي", "\u2067محمد\u2069 علي"),
    ("Ann\u200bSmith", "AnnSmith"),
    ("İstanbul", "i\u0307stanbul"),
    ("Straße 5", "STRASSE  5"),
    ("The Acme", "acme"),
    ("ﬁne", "fine"),
]


def tell(text: str):
    source = make_source()
    deliver(source, a=text)
    work_off()
    return source


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_read_alike_are_one(one, other):
    source = tell(f"works_for: {one} > Acme [2001..2003]\nworks_for: {other} > Acme [2004..2005]")
    assert open_of(key_of(one), "works_for") == [("Acme", 2001, 2006)]
    assert entities(source.reflection.pk, other) == entities(source.reflection.pk, one)
    assert audit() == []


@given(st.text(max_size=30))
def test_how_a_name_is_composed_does_not_matter(name):
    assert len({key_of(unicodedata.normalize(form, name)) for form in ("NFC", "NFD", "NFKC", "NFKD")}) == 1


@pytest.mark.parametrize("name", ["\u200f\u200f", "\u202e", "'s"])
def test_a_name_of_nothing_that_is_read_is_nobodys(name):
    tell(f"works_for: {name} > Acme [2001..2003]")
    assert Verdict.objects.get().rejected == [1]
    assert not Fact.objects.exists()


def test_an_entity_may_be_called_like_a_predicate():
    source = tell(
        "led_by: led_by > works_for [2011..]\nworks_for: works_for > led_by [2001..]\nworks_for: single > led_by"
    )
    assert open_of("led_by", "led_by") == [("works_for", 2011, None)]
    assert open_of("works_for", "works_for") == [("led_by", 2001, None)]
    one, other = (Entity.objects.get(key=key) for key in ("single", "works_for"))
    order = merge(one, other, by="ann", reason="odd names")
    assert len(facts(source.reflection.pk, about=[other.pk])) == 2
    revert(PatchBatch.objects.filter(pk=order.batch), by="ann", reason="odd reasons")
    assert audit() == []


def test_it_ends_before_it_starts_and_dates_that_never_were_are_taken_out():
    tell(
        "works_for: Ann > Acme [2019..2018]\nworks_for: Bob > Acme [0000..2018]\nworks_for: Cat > Acme [2019-02-30..]\n"
        + "\n".join(f"works_for: D{n} > Acme [2001..2002]" for n in range(4))
    )
    assert Verdict.objects.get().rejected == [1, 2, 3]
    assert Fact.objects.count() == 4


def test_the_first_and_the_last_year_there_is_are_told_and_shown():
    source = tell("works_for: Ann > Acme [0001..9999]\nworks_for: Bob > Acme [9999..]\nworks_for: Cat > Acme [..0001]")
    assert Fact.objects.count() == 3
    shown = told("facts", "--about", "Acme", "--reflection", source.reflection.name)
    assert len([line for line in shown.splitlines() if "works for" in line]) == 3
    assert "9999" in shown
    take_back = revert(PatchBatch.objects.all(), by="ann", reason="too long ago")
    assert len(take_back.closed) == 3


def test_documents_that_contradict_each_other_leave_one_answer_for_each_day():
    source = make_source()
    deliver(
        source,
        a="led_by: Acme > Ann [2011..2015]",
        b="led_by: Acme > Bob [2011..2015]",
        c="led_by: Acme > Ann [2013..2012]\nled_by: Acme > Cat [2014..]",
        d="led_by: Acme > Dan [..2012]",
    )
    work_off()
    assert open_of("acme", "led_by") == [("Ann", 2011, 2014), ("Cat", 2014, None)]
    assert audit() == []


def claim(n: int) -> dict:
    return {
        "predicate": "led_by",
        "subject": "Acme",
        "subject_type": "organization",
        "subject_key": "acme",
        "object": f"P{n}",
        "object_type": "person",
        "object_key": f"p{n}",
        "from": f"{1 + n % 2000:04}-{1 + n // 2000 % 12:02}",
        "to": None,
        "dated": None,
        "quote": "so it was",
        "start": 0,
        "end": 9,
    }


def crowd(batch: PatchBatch, numbers: range) -> None:
    claims = [(n, claim(n)) for n in numbers]
    content = Content(batch.pk, batch.content_hash, False, (), claims, (), vocabulary())
    with transaction.atomic():
        lock(batch.reflection_id)
        take(*apply(batch.reflection_id, [content], by="test").steps)


def own(reflection) -> PatchBatch:
    """A batch that needs nobody to carry it."""
    batch = PatchBatch.objects.create(
        reflection=reflection, content_hash="h", recipe="r", digest="d", status="proposed"
    )
    make_verdict(batch)
    PatchBatch.objects.filter(pk=batch.pk).update(status="approved", approved_digest="d")
    return batch


def test_one_more_on_a_crowded_slot_costs_as_much_as_the_crowd_and_no_more():
    """Ten times the crowd is ten times the work, and some more, to add one to and to take that one away."""

    def work(size: int) -> int:
        reflection = make_reflection()
        crowd(own(reflection), range(size))
        one_more = own(reflection)

        def come_and_go() -> None:
            crowd(one_more, range(size, size + 1))
            revert(PatchBatch.objects.filter(pk=one_more.pk), by="ann", reason="too many")

        taken = steps(come_and_go)
        assert Fact.objects.filter(reflection=reflection, sys__upper_inf=True).count() == size
        return taken

    work(10)
    assert work(3_000) < 15 * work(300)
    assert Assertion.objects.filter(live=True).count() == 3_310


def test_a_batch_larger_than_memory_allows_is_reverted_and_restored_without_being_read():
    source = tell("works_for: Ann > Acme [2001..2003]")
    batch = PatchBatch.objects.get()
    passage = batch.passages.get()
    for n in range(1, 41):
        passage.pk, passage.n, passage.text = None, n, f"{n} " + "much to say " * 40_000
        passage.save(force_insert=True)
    tracemalloc.start()
    try:
        told = revert(PatchBatch.objects.filter(source=source), by="ann", reason="too much")
        restore(PatchBatch.objects.filter(source=source), by="ann", reason="after all")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert told.passages_gone == 41
    assert peak < 2_000_000
    assert audit() == []
