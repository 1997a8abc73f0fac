"""Searching the passages: by the index and beyond it, within a part of them, and at an earlier moment."""

import numpy as np
import pytest
from django.db import connection

from handoffs.models import Source
from ingestion import indexing
from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.asking import narrowed, search
from ledger import statements
from patches import vectors
from patches.models import ApplyTransaction, Passage
from patches.moments import Unclear
from patches.search import CANDIDATES, Within, nearest
from tests.builders import make_source
from tests.flying import deliver, deliver_all, remove, work_off

pytestmark = pytest.mark.usefixtures("models")
once = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

COUNT = 3 * CANDIDATES
ANYTIME = (None, None)


def found(source: Source, question: str, **asked) -> list[str]:
    given = {"known_at": None, "about": None, "dated": ANYTIME} | asked
    within = narrowed(source.reflection, **given)
    return [hit.text.strip() for hit in search(source.reflection, question, within=within).hits]


@pytest.fixture
def shelf() -> Source:
    """Many documents of one passage each."""
    source = make_source()
    deliver_all(source, {f"n{n}": f"Ship {n} carried {n % 7} bells and {n % 11} lamps." for n in range(COUNT)})
    work_off()
    assert Passage.objects.count() == COUNT
    return source


@pytest.fixture
def index():
    statements.run("SET enable_sort = off")  # so few passages would rather be sorted
    yield vectors
    statements.run("RESET enable_sort")
    for name, _, _ in vectors._indexes(Hashing.dim):
        vectors._drop(name)


def distances(ids: list[int], vector: np.ndarray) -> list[float]:
    rows = Passage.objects.in_bulk(ids)
    return [1 - float(np.dot(rows[id_].vector, vector)) for id_ in ids]


def least(source: Source, vector: np.ndarray) -> list[float]:
    """The distances of the nearest, by looking at each: many passages are equally far."""
    rows = Passage.objects.filter(reflection=source.reflection, live=True)
    return sorted(distances(list(rows.values_list("pk", flat=True)), vector))[:CANDIDATES]


def question(text: str) -> np.ndarray:
    [vector] = Hashing().embed([text])
    return vector


@committed
def test_what_came_after_the_index_is_found_as_what_is_in_it(shelf, index):
    assert index.build(Hashing.dim)
    later = Passage.objects.order_by("pk").last().pk
    deliver(shelf, late="Ship 5 carried 5 bells and 5 lamps, and came late.", later="Nothing of the kind.")
    work_off()
    for text in ("Ship 5 carried 5 bells and 5 lamps.", "late ship", "Ship 99"):
        vector = question(text)
        ids = nearest(shelf.reflection_id, vector.tolist())
        assert len(ids) == CANDIDATES
        assert distances(ids, vector) == pytest.approx(least(shelf, vector), abs=1e-5)
    late = Passage.objects.get(text__contains="came late").pk
    assert late > later == index.indexed_until(Hashing.dim)
    assert (
        nearest(shelf.reflection_id, question("Ship 5 carried 5 bells and 5 lamps, and came late.").tolist())[0] == late
    )


@committed
def test_the_index_is_what_answers(shelf, index):
    assert index.build(Hashing.dim)
    plan = ""

    def watch(execute, sql, parameters, many, context):
        nonlocal plan
        if "halfvec" in sql and not plan and not sql.startswith("EXPLAIN"):
            plan = str(statements.rows(f"EXPLAIN {sql}", parameters))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(watch):
        nearest(shelf.reflection_id, question("Ship 3").tolist())
    assert f"Index Scan using {vectors.PREFIX}{Hashing.dim}_" in plan


@committed
def test_a_few_passages_among_many_are_all_found_though_the_index_gives_up(shelf, index, monkeypatch):
    monkeypatch.setattr("patches.search.THOROUGH", "SELECT set_config('hnsw.ef_search', '1', true)")
    few = make_source(reflection=shelf.reflection)
    deliver_all(few, {f"m{n}": f"Mule {n} carried {n} sacks." for n in range(7)})
    work_off()
    assert index.build(Hashing.dim)
    ids = nearest(shelf.reflection_id, question("Ship 3").tolist(), within=Within(sources=[few.pk]))
    assert set(ids) == set(Passage.objects.filter(batch__source=few).values_list("pk", flat=True))


@committed
def test_withdrawn_passages_are_not_found_in_the_index(shelf, index):
    assert index.build(Hashing.dim)
    gone = Passage.objects.get(text__startswith="Ship 42 ")
    remove(shelf, "n42")
    work_off()
    assert gone.pk not in nearest(shelf.reflection_id, list(gone.vector))


@committed
def test_a_build_takes_the_place_of_the_one_before_and_clears_what_was_left(shelf, index, monkeypatch):
    monkeypatch.setattr(vectors, "FRESH", 10)
    monkeypatch.setattr(vectors, "GROWTH", 0)
    monkeypatch.setattr("ingestion.indexing._rung_at", [])
    rung = []
    monkeypatch.setattr("ingestion.indexing.ring_for_index", lambda: rung.append(1))
    indexing.ring_due(enabled=False)
    assert not rung
    indexing.ring_due(enabled=True)
    indexing.ring_due(enabled=True)
    assert len(rung) == 1  # the message is on its way

    indexing.work()
    first = index.indexed_until(Hashing.dim)
    assert first and not index.is_due(Hashing.dim)
    deliver_all(shelf, {f"o{n}": f"Owl {n} saw {n} mice." for n in range(40)})
    work_off()
    assert index.is_due(Hashing.dim)
    statements.run(  # as a build that was killed leaves it
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass",
        [f"{vectors.PREFIX}{Hashing.dim}_{first}"],
    )
    assert index.indexed_until(Hashing.dim) == 0
    indexing.work()
    [(_, until, valid)] = index._indexes(Hashing.dim)
    assert valid and until > first


@committed
def test_two_workers_do_not_build_at_once(shelf, index, elsewhere):  # noqa: ARG001  it has to hold something
    with_lock = statements.rows("SELECT pg_try_advisory_lock(%s)", [vectors.BUILD_LOCK])
    assert with_lock == [(True,)]
    try:
        assert elsewhere(index.build, Hashing.dim).result(timeout=20) is False
    finally:
        statements.rows("SELECT pg_advisory_unlock(%s)", [vectors.BUILD_LOCK])
    assert elsewhere(index.build, Hashing.dim).result(timeout=20) is True


@once
def test_the_past_is_searched_as_it_was():
    source = make_source()
    deliver(source, a="The keys of the mill are with Ann.")
    work_off()
    before = ApplyTransaction.objects.get().seq
    deliver(source, a="The keys of the mill are with Bob.")
    work_off()
    assert found(source, "who has the keys") == ["The keys of the mill are with Bob."]
    assert found(source, "who has the keys", known_at=str(before)) == ["The keys of the mill are with Ann."]
    assert found(source, "who has the keys", known_at="1999-01-01") == []
    [hit] = search(source.reflection, "keys", within=Within(known_at=before)).hits
    assert hit.documents == ["a"]


@once
def test_a_search_stays_within_a_source_a_time_and_an_entity():
    source = make_source()
    other = make_source(reflection=source.reflection)
    deliver(source, a="dated: Log > 2019-05-18\n\nled_by: Acme > Ann\n\nThe mill burned.", b="The mill was sold.")
    deliver(other, c="dated: Book > 2020-01\n\nThe mill of Acme was built again.")
    work_off()
    only = Within(sources=[other.pk])
    assert [hit.documents for hit in search(source.reflection, "mill", within=only).hits] == [["c"]]

    def documents(**asked) -> list[str]:
        given = {"known_at": None, "about": None, "dated": ANYTIME} | asked
        hits = search(source.reflection, "mill", within=narrowed(source.reflection, **given)).hits
        return sorted(name for hit in hits for name in hit.documents)

    assert documents() == ["a", "b", "c"]
    assert documents(dated=("2019", "2019")) == ["a"]
    assert documents(dated=("2019-05-19", None)) == ["c"]
    assert documents(dated=(None, "2019-05")) == ["a"]
    assert documents(about="Acme") == ["a", "c"]
    assert documents(about="Ann") == ["a"]
    with pytest.raises(Unclear):
        documents(dated=("soon", None))


@once
def test_the_words_of_the_question_are_marked_where_they_stand():
    source = make_source()
    text = "Keys & locks: the <b>Key</b> of Zoë’s mill; monkeys have none. 鍵 KEYS"
    deliver(source, a=text)
    work_off()
    [hit] = search(source.reflection, "whose key?").hits
    assert [hit.text[start:end] for start, end in hit.highlights] == ["Keys", "Key", "KEYS"]


@once
def test_facts_about_whom_the_question_names_come_with_the_answer():
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]\nworks_for: Ann > Bolt\nlocated_in: Acme > Garrowby")
    work_off()
    answer = search(source.reflection, "Where is Acme located?")
    assert [fact.object for fact in answer.facts] == ["Garrowby", "Ann"]
    assert all(fact.evidence[0].documents == ["a"] for fact in answer.facts)
    assert search(source.reflection, "Where is it?").facts == []


@once
def test_a_text_in_two_documents_is_told_once_with_both():
    source = make_source()
    deliver(source, a="The mill burned.", b="The mill burned.\n\n")
    other = make_source(reflection=source.reflection)
    deliver(other, c="The mill burned.")
    work_off()
    [hit] = search(source.reflection, "mill").hits
    assert {"a", "c"} <= {*hit.documents}
