"""The report's measure on a part of its mutations: what has to be caught is, and nothing sound is blocked."""

import pytest

from tests.gate.__main__ import MOST_BLOCKED, PAGE, TARGETS, page
from tests.gate.clean import sound
from tests.gate.measuring import Tally, blocked, caught
from tests.gate.mutations import KINDS

FRESH = {"words to a model that no check was written for", "words to a model as they are passed about"}
AT_LEAST = 0.3  # far from the target; what was reached must not get lost
EVERY = 3


@pytest.fixture(scope="module")
def documents():
    return sound()


def test_what_nothing_is_wrong_with_is_let_in(documents):
    found = blocked(documents)
    documents = [tally for name, tally in found.items() if name != "claims"]
    blocked_of_all = sum(len(tally.wrong) for tally in documents) / sum(tally.tried for tally in documents)
    assert {name for name, tally in found.items() if tally.share > MOST_BLOCKED} == set()
    assert blocked_of_all <= MOST_BLOCKED / 4
    assert found["claims"].tried > 500


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FRESH])
def test_what_is_wrong_is_caught(documents, kind):
    tally = caught([*documents[:45], *documents[45::EVERY]], [kind])[kind]
    assert tally.tried >= 8
    assert 1 - tally.share >= TARGETS[tally.certain], tally.wrong


@pytest.mark.parametrize("kind", sorted(FRESH))
def test_of_words_that_nothing_was_made_for_a_good_part_is_caught(documents, kind):
    tally = caught(documents, [kind])[kind]
    assert 1 - tally.share >= AT_LEAST, tally.wrong


def test_the_page_has_every_kind_and_says_what_was_missed():
    written = PAGE.read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| {kind} |" not in written] == []
    clean = {name: Tally(tried=10) for name in ("examples", "passages", "pages", "notices")}
    told = page(clean, {"a lie": Tally(tried=4, wrong=["one lie"]), "a slip": Tally(certain=False, tried=4)})
    assert "| a lie | yes | 4 | 75.0 % | 95.0 %, **missed** |" in told
    assert "| a slip | no | 4 | 100.0 % | 80.0 %, met |" in told
    assert "- `one lie`" in told
