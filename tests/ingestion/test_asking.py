"""The commands that ask: what they print, and what they say of a question that cannot be answered."""

import pytest

from patches.models import ApplyTransaction
from tests.builders import make_source
from tests.flying import deliver, work_off
from tests.ingestion.test_commands import said, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def store(models):  # noqa: ARG001  has to be there first
    """Ann led Acme until a later document named Bob. Gives the reflection's name and the number before that."""
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]\n\nAnn keeps the keys of the old mill.")
    work_off()
    before = ApplyTransaction.objects.get().seq
    deliver(source, a="led_by: Acme > Ann [2011..]\n\nBob keeps the keys of the old mill.")
    deliver(source, b="led_by: Acme > Bob [2016..]")
    work_off()
    return source.reflection.name, before


def test_facts_prints_them_with_their_words_and_items(store):
    name, before = store
    assert said("facts", "--about", "acme", "--reflection", name, "--valid-at", "2020")["facts"][0]["object"] == "Bob"
    then = said("facts", "--about", "acme", "--reflection", name, "--valid-at", "2020", "--known-at", before)
    assert [fact["object"] for fact in then["facts"]] == ["Ann"]
    assert then["known_at"] == before
    line, words = told("facts", "--reflection", name, "--known-at", before).splitlines()
    assert line.split() == ["2011", "–", "Acme", "is", "led", "by", "Ann"]
    assert words.split() == ["“led_by:", "Acme", ">", "Ann", "[2011..]”", "a"]
    history = told("facts", "--reflection", name, "--history")
    assert f"known from {before} (" in history
    assert history.count("until") == 1


def test_facts_are_cut_at_the_limit_and_say_so(store):
    name, _ = store
    assert len(said("facts", "--reflection", name, "--limit", 1)["facts"]) == 1
    assert said("facts", "--reflection", name, "--limit", 1)["more"] is True
    assert "there are more: --limit 2" in told("facts", "--reflection", name, "--limit", 1)
    assert said("facts", "--reflection", name, "--limit", 2)["more"] is False


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--about", "Acmee"], 2),
        (["--predicate", "led"], 2),
        (["--valid-at", "soon"], 2),
        (["--known-at", "99999999"], 2),
        (["--known-at", "1970"], 2),
        (["--known-at", "1970-01"], 1),
        (["--valid-at", "1950"], 1),
        (["--predicate", "works_for"], 1),
    ],
)
def test_what_is_not_there_and_what_is_not_known_are_different_answers(store, options, status):
    name, _ = store
    told("facts", "--reflection", name, *options, status=status)
