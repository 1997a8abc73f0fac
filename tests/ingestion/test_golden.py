"""Golden questions: kept by people, asked of the store with a batch in it, and what the gate makes of the answers."""

import json

import pytest
from django.core.management import CommandError, call_command

from ingestion import dispatch
from ingestion.asking import search
from ingestion.golden import add, refresh, run, take_in
from ingestion.judging import before_the_gate
from ledger.reasons import Reason
from patches import vectors
from patches.evaluation.golden import Golden
from patches.evaluation.policies import publish
from patches.models import GoldenQuestion, Passage, PatchBatch, Verdict
from patches.moments import Unclear
from tests.builders import make_reflection, make_source
from tests.doubles import Moody
from tests.flying import deliver, deliver_all, fly, open_flights, runs, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

CORPUS = {
    "crane.md": "The new crane was bought in Hamburg in 2019 and stands at the north quay.",
    "ferry.md": "The ferry to the island leaves the south quay at nine each morning.",
    "museum.md": "The museum of the harbour is open on Sundays and shows old pilot boats.",
    "staff.md": "led_by: Acme > Ann [2011..]\nmember_of: Bob > Acme [2012..2014]",
}
CRANE, FERRY = "When was the new crane bought?", "When does the ferry to the island leave?"
STUFFED = " ".join(["When was the new crane bought? The new crane was bought."] * 3)


@pytest.fixture
def owner(settings):
    settings.OPEN_FLIGHTS = 1
    made = make_reflection()
    deliver_all(make_source(reflection=made), CORPUS)
    work_off()
    return made


@pytest.fixture
def asked(owner):
    add(owner, CRANE, documents=["crane.md"], k=1, by="ann")
    add(owner, FERRY, documents=["ferry.md"], k=1, by="ann")
    return owner


def last() -> Verdict:
    return Verdict.objects.latest("pk")


def test_a_question_that_the_store_answers_has_full_recall(asked):
    done = run(asked)
    assert (done.recall, done.reciprocal, done.failing) == (1.0, 1.0, [])


def test_what_would_push_a_golden_answer_out_goes_to_a_person(asked):
    source = make_source(reflection=asked)
    deliver_all(source, {f"spam{n}.md": f"{STUFFED} Number {n}." for n in range(3)})
    work_off()
    assert {status for status, _ in runs(source)} == {"in_review"}
    told = last().checks
    assert not told["golden_recall_holds"]["passed"]
    assert told["golden_recall_holds"]["value"] == pytest.approx(0.5)
    assert told["golden_recall_holds"]["note"] == CRANE
    assert run(asked).recall == 1.0


def test_a_document_about_something_else_passes(asked):
    source = make_source(reflection=asked)
    deliver(source, other="The library lends books about weather and tides.")
    work_off()
    assert runs(source) == [("completed", "applied")]
    assert last().checks["golden_recall_holds"]["value"] == 0


def test_an_edit_that_loses_the_answer_goes_to_a_person_and_one_that_keeps_it_passes(owner):
    add(owner, CRANE, documents=["crane.md"], k=1, by="ann")
    source = owner.sources.get()
    deliver_all(source, {"crane.md": CORPUS["crane.md"] + " It is painted red."})
    work_off()
    assert runs(source)[-1] == ("completed", "applied")
    deliver_all(source, {"crane.md": "This page was left blank."})
    work_off()
    assert runs(source)[-1] == ("in_review", "needs_review")


def test_a_golden_fact_that_would_end_goes_to_a_person(owner):
    add(owner, "Who leads Acme?", facts=[{"subject": "Acme", "predicate": "led_by", "object": "Ann"}], by="ann")
    add(
        owner,
        "Who led it in 2012?",
        facts=[{"subject": "Acme", "predicate": "led_by", "object": "Ann", "at": "2012"}],
        by="ann",
    )
    source = make_source(reflection=owner)
    deliver(source, later="led_by: Acme > Zoe [2020..]")
    work_off()
    assert runs(source) == [("in_review", "needs_review")]
    told = last().checks["golden_facts_stay"]
    assert (told["value"], told["note"]) == (1, "Acme led_by Ann")
    assert not run(owner).failing


def test_a_golden_fact_of_the_past_stays_when_a_successor_comes(owner):
    past = {"subject": "Acme", "predicate": "led_by", "object": "Ann", "at": "2012"}
    add(owner, "Who led it in 2012?", facts=[past], by="ann")
    source = make_source(reflection=owner)
    deliver(source, later="led_by: Acme > Zoe [2020..]")
    work_off()
    assert runs(source) == [("completed", "applied")]
    assert not run(owner).failing


def as_asked(golden: Golden) -> dict[str, list[set[str]]]:
    return {golden.questions[id_].text: [set(one) for one in score.answers] for id_, score in golden.scores.items()}


@pytest.fixture
def no_index():
    """An index outlives the test that builds it."""
    yield
    for name, _, _ in vectors._indexes(Moody.dim):
        vectors._drop(name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_index")
@pytest.mark.parametrize("indexed", [False, True], ids=["looking at each", "by the index"])
def test_the_gate_ranks_as_search_does(owner, indexed):
    """Before the batches with what search finds now, and with them as it does once they are applied."""
    questions = [CRANE, FERRY, "old boats on Sundays", "quay", "harbour museum pilot", "which books are there"]
    for words in questions:
        add(owner, words, documents=["crane.md", "ferry.md", "museum.md"], k=4, by="ann")
    lenient = {"checks": {name: {"then": "note"} for name in ("golden_recall_holds", "golden_rank_holds")}}
    publish(owner, "lenient", lenient, by="test", why="to try it")
    if indexed:
        vectors.build(Moody.dim)

    def by_search() -> dict[str, list[set[str]]]:
        return {words: [set(hit.documents) for hit in search(owner, words, limit=4).hits] for words in questions}

    source = make_source(reflection=owner)
    deliver_all(
        source,
        {
            "a.md": "The ferry passes the old crane on its way to the harbour.",
            "b.md": "Books about boats, quays and the pilot museum.",
            "c.md": CORPUS["crane.md"],
        },
    )
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    [items] = before_the_gate(list(PatchBatch.objects.filter(source=source).values_list("pk", flat=True)))
    surroundings = items[0].around
    golden = surroundings.golden()
    assert ("halfvec" in surroundings.near) is indexed
    assert as_asked(golden) == by_search()
    for item, judgement in zip(items, surroundings.judge(item.examined for item in items), strict=True):
        golden.accept(item.batch_id, item.external_id, judgement.change)
    flight.refresh_from_db()
    fly(flight)
    assert Passage.objects.filter(live=True).count() == 7
    assert as_asked(golden) == by_search()


def test_the_statements_before_the_gate_stay_few_with_golden_questions(asked, statement_count):
    counts = []
    for size in (2, 20):
        source = make_source(reflection=asked)
        deliver_all(source, {f"{size}.{n}": f"Something else, {size} and {n}." for n in range(size)})
        dispatch.tick()
        [flight] = open_flights()
        fly(flight, until="eval")
        flight.refresh_from_db()
        statement_count()
        fly(flight, until="apply")
        counts.append(statement_count())
        flight.refresh_from_db()
        fly(flight)
    assert counts[0] == counts[1] <= 8


def test_questions_get_the_vectors_of_another_model_before_they_are_asked(asked):
    GoldenQuestion.objects.update(recipe="an older model", vector=None)
    source = make_source(reflection=asked)
    deliver_all(source, {f"spam{n}.md": f"{STUFFED} Number {n}." for n in range(3)})
    work_off()
    assert {status for status, _ in runs(source)} == {"in_review"}
    assert set(GoldenQuestion.objects.values_list("recipe", flat=True)) == {"moody"}


def test_while_the_model_is_away_nothing_is_judged_without_the_questions(asked):
    GoldenQuestion.objects.filter(question=FERRY).update(recipe="an older model", question="AWAY with the ferry")
    source = make_source(reflection=asked)
    deliver(source, other="The library lends books.")
    work_off()
    assert runs(source) == [("retry_wait", Reason.REMOTE_UNAVAILABLE)]
    assert not Verdict.objects.filter(batch__source=source).exists()


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"question": " ", "documents": ["crane.md"]}, "has words"),
        ({"question": "Who?"}, "expects documents or facts"),
        ({"question": "Who?", "documents": ["nothing.md"]}, "no source of"),
        ({"question": "Who?", "documents": ["crane.md"], "k": 0}, "from 1 to 50"),
        ({"question": "Who?", "facts": [{"subject": "Nobody", "predicate": "led_by", "object": "Ann"}]}, "Nobody"),
        ({"question": "Who?", "facts": [{"subject": "Acme", "predicate": "hates", "object": "Ann"}]}, "hates"),
        ({"question": "Who?", "facts": [{"subject": "Acme", "predicate": "led_by", "object": "Eve"}]}, "Eve"),
        ({"question": "Who?", "facts": [{"subject": "Acme"}]}, "row 1: a golden question has"),
        ("Who?", "row 1: a golden question has"),
    ],
)
def test_what_is_no_question_or_expects_what_is_not_there_is_refused_in_words(owner, told, complaint):
    with pytest.raises(Unclear, match=complaint):
        take_in(owner, [told], by="ann")
    assert not GoldenQuestion.objects.exists()


def test_the_same_words_again_change_what_is_expected(asked):
    add(asked, f"  {CRANE} ", documents=["crane.md", "museum.md"], by="bob")
    assert GoldenQuestion.objects.count() == 2
    assert GoldenQuestion.objects.get(question=CRANE).documents == ["crane.md", "museum.md"]


def manage(capsys, *arguments: str) -> tuple[int, dict]:
    code = 0
    try:
        call_command("golden", *arguments, "--json")
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


def test_the_command_keeps_asks_exports_and_takes_in(owner, capsys, tmp_path):
    reflection = f"--reflection={owner.name}"
    fact = "Acme; led_by; Ann; 2012"
    code, made = manage(capsys, "add", CRANE, "--document", "crane.md", "--fact", fact, "--first", "2", reflection)
    assert (code, made["questions"][0]["facts"][0]["at"], made["questions"][0]["k"]) == (0, "2012", 2)
    code, told = manage(capsys, "run", reflection)
    assert (code, told["recall"], told["reciprocal_rank"]) == (0, 1.0, 1.0)
    _, listed = manage(capsys, "list", reflection)
    (tmp_path / "golden.json").write_text(json.dumps(listed))
    assert manage(capsys, "remove", CRANE, "--dry-run", reflection)[0] == 0
    assert manage(capsys, "remove", str(made["questions"][0]["id"]), reflection)[0] == 0
    assert manage(capsys, "remove", CRANE, reflection)[0] == 1
    assert manage(capsys, "import", str(tmp_path / "golden.json"), "--dry-run", reflection)[0] == 0
    assert not GoldenQuestion.objects.exists()
    assert manage(capsys, "import", str(tmp_path / "golden.json"), reflection)[0] == 0
    assert GoldenQuestion.objects.get().facts[0]["object"] == "Ann"


def test_the_command_says_which_questions_are_not_answered_as_expected(owner, capsys):
    add(owner, CRANE, documents=["ferry.md"], k=1, by="ann")
    code, told = manage(capsys, "run", f"--reflection={owner.name}")
    assert (code, told["recall"], told["asked"][0]["missing"]) == (4, 0.0, ["ferry.md"])


@pytest.mark.parametrize("arguments", [["add", "Who?"], ["add", "Who?", "--fact", "Acme"], ["import", "/nothing"]])
def test_bad_usage_is_refused(owner, arguments):
    with pytest.raises(CommandError) as refused:
        call_command("golden", *arguments, f"--reflection={owner.name}")
    assert refused.value.returncode == 2


def test_nothing_is_embedded_for_no_questions(statement_count):
    assert refresh([]) is None
    assert statement_count() == 0
