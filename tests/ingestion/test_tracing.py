"""From a fact to its bytes, from bytes to facts, and back to before by the same selection."""

import pytest

from handoffs import payloads
from ingestion.stages import recipes
from ledger.models import Event
from patches.export import export
from patches.models import Fact, PatchBatch
from tests.builders import make_source
from tests.flying import deliver, hash_of, remove, work_off
from tests.ingestion.test_commands import said, told

pytestmark = pytest.mark.usefixtures("models")
once = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

ANN = "Notes.\n\nled_by: Acme > Ann [2011..]"
BOB = "led_by: Acme > Bob [2016..]"


@pytest.fixture
def source(models):  # noqa: ARG001  has to be there first
    source = make_source()
    deliver(source, a=ANN, copy=ANN)
    work_off()
    deliver(source, b=BOB, c="works_for: Ann > Acme [2001..2003]")
    work_off()
    return source


def fact_of(name: str) -> int:
    return Fact.objects.get(object_text=name, sys__upper_inf=True, predicate="led_by").pk


@once
def test_a_fact_is_followed_to_the_bytes_that_it_was_read_from(source):
    [traced] = said("trace", "--fact", fact_of("Ann"))["traced"]
    [origin] = traced["origins"]
    text = payloads.get(origin["items"][0]["payload"]).decode()
    assert text == ANN
    assert text[origin["start"] : origin["end"]] == origin["quote"] == "led_by: Acme > Ann [2011..]"
    assert origin["passage"]["verbatim"] is True
    assert [(item["item"], item["source"], item["carries"]) for item in origin["items"]] == [
        ("a", source.name, True),
        ("copy", source.name, True),
    ]
    assert {run["status"] for run in origin["runs"]} == {"completed"}
    made_by = origin["runs"][0]["recipes"]
    assert made_by == {stage: recipe for stage, recipe in recipes().items() if stage in made_by}
    assert {"fetch", "chunk", "fact"} <= set(made_by)

    shown = told("trace", "--about", "acme", "--predicate", "led_by", "--reflection", source.reflection.name)
    assert [line.split()[0] for line in shown.splitlines() if not line.startswith(" ")] == ["fact", "fact"]
    assert f"payload {hash_of(ANN)[:12]}" in shown
    assert "verbatim in passage" in shown


@once
def test_a_fact_that_is_no_longer_held_can_still_be_followed(source):
    fact = fact_of("Bob")
    deliver(source, b="Nothing any more.")
    work_off()
    [traced] = said("trace", "--fact", fact)["traced"]
    assert traced["fact"]["known_to"]
    [origin] = traced["origins"]
    assert origin["quote"] == BOB
    assert [(item["item"], item["carries"]) for item in origin["items"]] == [("b", False)]
    assert "until it changed or went" in told("trace", "--fact", fact)


@once
def test_what_rests_on_bytes_is_told_and_what_nothing_else_says(source):
    other = make_source(reflection=source.reflection)
    deliver(other, d="led_by: Acme > Ann [2011..]\nfounded_by: Acme > Zoe")
    work_off()

    counts = said("trace", "--payload", hash_of(ANN)[:8])["counts"]
    assert (counts["batches"], counts["items"], counts["facts"]) == (1, 2, 1)
    assert counts["facts_resting_on_this_alone"] == 0
    whole = said("trace", "--source", f"{source.reflection.name}/{source.name}")
    assert whole["counts"]["batches_applied"] == 3
    alone = {fact["object"] for fact in whole["facts"] if fact["nothing_else_says_so"]}
    assert alone == {"Bob", "Acme"}
    batch = whole["batches"][0]["id"]
    assert said("trace", "--batch", batch)["counts"]["batches"] == 1
    assert "items" in told("trace", "--batch", batch)
    recipe = PatchBatch.objects.first().recipe
    assert said("trace", "--recipe", recipe[:12])["counts"]["batches"] == 4
    assert said("trace", "--recipe", recipes()["fact"], "--batch", batch)["counts"]["batches"] == 1


@once
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 2),
        (["--fact", 10**9], 2),
        (["--batch", 10**9], 2),
        (["--payload", "abc"], 2),
        (["--payload", "0" * 64], 2),
        (["--recipe", "nobody's"], 2),
        (["--source", "nowhere"], 2),
        (["--about", "Acmee"], 2),
        (["--about", "acme", "--valid-at", "1950"], 1),
    ],
)
def test_tracing_what_is_not_there_says_so(source, options, status):
    told("trace", "--reflection", source.reflection.name, *options, status=status)


@committed
def test_a_plan_changes_nothing_and_its_deed_does_what_it_said(source):
    before = list(export(source.reflection))
    chosen = ("--payload", hash_of(BOB)[:10])
    plan = said("revert", *chosen, "--dry-run")
    assert plan["dry_run"] is True
    assert [fact["object"] for fact in plan["closed"]] == ["Ann", "Bob"]
    assert [(fact["object"], fact["valid_to"]) for fact in plan["opened"]] == [("Ann", None)]
    assert list(export(source.reflection)) == before

    done = said("revert", *chosen, "--yes", "--reason", "Bob was a rumour")
    assert {**done, "dry_run": True, "apply_numbers": []} == plan
    batch = PatchBatch.objects.get(status="reverted")
    assert Event.objects.filter(lifecycle="batch", row_id=batch.pk).last().note == "Bob was a rumour"
    assert "Bob" not in "".join(export(source.reflection))

    told("revert", *chosen, "--yes", "--reason", "again", status=1)
    refused = said("revert", "--batch", batch.pk, "--yes", "--reason", "again", status=1)
    assert refused["refused"] == {"already_reverted": 1}

    told("restore", *chosen, "--yes", "--reason", "he led after all")
    assert list(export(source.reflection)) == before


@committed
def test_a_source_is_taken_back_with_all_that_it_ever_said(source):
    other = make_source(reflection=source.reflection)
    deliver(other, d="founded_by: Acme > Zoe")
    work_off()
    before = list(export(source.reflection))
    bad = make_source(reflection=source.reflection)
    deliver(bad, x="led_by: Acme > Mallory [2012..]")
    work_off()
    deliver(bad, x="led_by: Acme > Mallory [2013..]")
    work_off()
    shown = told("revert", "--source", bad.name, "--yes", "--reason", "poisoned")
    assert "2 batches reverted" in shown
    assert "1 passages go, 0 come back" in shown
    assert list(export(source.reflection)) == before


@committed
@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("", 1), ("no", 1)])
def test_a_person_is_shown_the_plan_and_asked(monkeypatch, answer, status):
    asked = []
    monkeypatch.setattr("builtins.input", lambda question: (asked.append(question), answer)[1])
    shown = told("revert", "--fact", fact_of("Bob"), "--reason", "no", status=status)
    assert asked == ["Do it? [y/N] "]
    assert "would be reverted" in shown
    assert PatchBatch.objects.filter(status="reverted").exists() is (status == 0)
    assert ("1 batches reverted" in shown) is (status == 0)


@committed
def test_a_revert_needs_a_reason_and_someone_to_say_yes(source):
    told("revert", "--fact", fact_of("Bob"), "--yes", status=2)
    told("revert", "--fact", fact_of("Bob"), "--reason", " ", "--yes", status=2)
    told("revert", "--fact", fact_of("Bob"), "--reason", "x", "--json", status=2)
    told("revert", "--yes", "--reason", "everything?", status=2)
    remove(source, "b")
    work_off()
    assert not PatchBatch.objects.filter(status="reverted").exists()
