"""The rules against the labelled passages: what they find must be right, and most of what is there must be found."""

import pytest

from ingestion.adapters import EXTRACTORS, load
from ingestion.adapters.extractor.triggers import can_hold_claim
from ingestion.ports import Claim
from tests.extraction.labelled import LABELLED

TEXTS = [labelled.text for labelled in LABELLED]


def written(claim: Claim) -> str:
    period = f"{claim.period.start or ''}..{claim.period.end or ''}" if claim.period.start or claim.period.end else ""
    return f"{claim.subject or '-'} | {claim.predicate} | {claim.object} | {period}"


@pytest.fixture(scope="module")
def found() -> list[list[Claim]]:
    port = load(EXTRACTORS, "spacy_rules")
    return port.claims(TEXTS, port.entities(TEXTS))


def test_the_sample_is_broad():
    assert len(LABELLED) >= 120
    assert len({labelled.genre for labelled in LABELLED}) >= 6
    assert sum(not labelled.claims for labelled in LABELLED) >= 50


def test_precision_and_recall_of_what_is_asserted(found):
    right, wrong, missed = set(), set(), set()
    for number, (labelled, claims) in enumerate(zip(LABELLED, found, strict=True)):
        got = {(number, written(claim)) for claim in claims if claim.polarity == "asserted"}
        expected = {(number, claim) for claim in labelled.claims}
        right |= got & expected
        wrong |= got - expected
        missed |= expected - got

    precision, recall = len(right) / len(right | wrong), len(right) / len(right | missed)
    print(f"precision {precision:.3f}, recall {recall:.3f}, {len(right)} right")  # noqa: T201 - read with pytest -s
    assert precision >= 0.9, sorted(wrong)
    assert recall >= 0.6, sorted(missed)


def test_what_is_denied_supposed_or_reported_is_told_apart(found):
    for labelled, claims in zip(LABELLED, found, strict=True):
        told = {f"{c.polarity}: {c.subject} | {c.predicate} | {c.object}" for c in claims}
        assert set(labelled.unasserted) <= told


def test_the_cheap_test_lets_every_claim_through():
    for labelled in LABELLED:
        if labelled.claims or labelled.unasserted:
            assert can_hold_claim(labelled.text), labelled.text
