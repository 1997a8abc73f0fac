"""The cheap test saves the models most of the work; here they do the work all the same, to see what it would lose."""

import random
import sysconfig
from pathlib import Path

from ingestion.adapters.extractor.spacy_rules import SpacyRules
from ingestion.adapters.extractor.triggers import can_hold_claim
from tests.extraction.labelled import HELD_OUT, TUNING

SAMPLE = 300
PLACES = (
    (Path("/usr/share/doc"), "*/copyright"),
    (Path(sysconfig.get_path("stdlib")), "*.py"),
    (Path(__file__).parents[2] / "examples" / "corpus", "**/*.md"),
)


def passages(text: str) -> list[str]:
    return [text[start : start + 1200] for start in range(0, len(text), 1200)]


def real_text() -> list[str]:
    files = [path for place, pattern in PLACES for path in sorted(place.glob(pattern))]
    found = [p for path in files for p in passages(path.read_text(encoding="utf-8", errors="replace"))]
    return sorted(set(found))


def test_models_find_nothing_where_the_cheap_test_fails():
    refused = [text for text in (*real_text(), *(each.text for each in TUNING + HELD_OUT)) if not can_hold_claim(text)]
    sample = random.Random(7).sample(refused, min(SAMPLE, len(refused)))  # noqa: S311 - a sample, no secret
    thorough = SpacyRules(cheap_test=lambda _: True, sentence_test=lambda _: True)

    found = thorough.claims(sample, thorough.entities(sample))

    assert len(sample) == SAMPLE
    assert [claim for claims in found for claim in claims] == []


def test_most_source_code_never_reaches_a_model():
    source = [p for path in sorted(PLACES[1][0].glob("*.py")) for p in passages(path.read_text(errors="replace"))]

    assert sum(map(can_hold_claim, source)) / len(source) < 0.05


def test_models_are_not_loaded_for_what_needs_none():
    port = SpacyRules()
    texts = ["---\nauthor: Ann Lee\n---\n", "See [[Other note]].", "The weather was fine."]

    claims = port.claims(texts, [[], [], []])

    assert [[claim.predicate for claim in each] for each in claims] == [["author"], ["links_to"], []]
    assert not {"_namer", "_parser"} & vars(port).keys()
