"""The demo corpus: what makes it worth a demonstration must stay in it."""

import hashlib
from collections import Counter
from pathlib import Path

import kreuzberg
import pytest

from ingestion.adapters import EXTRACTORS, load
from ingestion.ports import Claim

CORPUS = Path(__file__).parents[2] / "examples" / "corpus"
FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
TRUST = "Marrow Bay Harbour Trust"


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    port = load(EXTRACTORS, "spacy_rules")
    texts = [part for path in FILES if path.suffix in (".md", ".txt") for part in _parts(_text(path))]
    return [claim for each in port.claims(texts, port.entities(texts)) for claim in each]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _parts(text: str) -> list[str]:
    """Cut the front matter off, as the chunk stage does."""
    end = text.index("\n---\n", 3) + 5 if text.startswith("---\n") else 0
    return [part for part in (text[:end], text[end:]) if part.strip()]


def test_the_files_are_few_small_and_of_four_kinds():
    assert 30 <= len(FILES) <= 45
    assert {path.suffix for path in FILES} == {".md", ".txt", ".html", ".pdf"}
    assert max(path.stat().st_size for path in FILES) < 30_000


def test_one_content_has_two_names_and_one_file_is_no_text():
    contents = Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES)

    assert sorted(contents.values())[-2:] == [1, 2]
    assert [path.name for path in FILES if path.suffix != ".pdf" and not _text(path)] == ["old-backup.txt"]


def test_the_document_has_text():
    text = kreuzberg.extract_file_sync(str(CORPUS / "reports" / "fifteen-years.pdf")).content

    assert f"Margaret Ashdown became director of the {TRUST} in April 2013." in text


def test_five_directors_follow_each_other(claims):
    begun = {(c.object, c.period.start[:7]) for c in _asserted(claims, TRUST, "led_by") if c.period.start}

    assert begun == {
        ("Edward Penrose", "2009-04"),
        ("Margaret Ashdown", "2013-04"),
        ("Thomas Hallett", "2017-09"),
        ("Helen Marsh", "2021-06"),
        ("Daniel Okafor", "2025-02"),
    }


def test_rumours_lead_nobody_to_office(claims):
    leaders = {c.object for c in _asserted(claims, TRUST, "led_by")}
    doubted = {(c.object, c.polarity) for c in claims if c.subject == TRUST and c.polarity != "asserted"}

    assert leaders.isdisjoint({"Hannah Lindqvist", "Simon Farrow"})
    assert {("Hannah Lindqvist", "reported"), ("Simon Farrow", "negated")} <= doubted


def test_one_career_can_be_followed(claims):
    roles = {(c.object, c.period.start) for c in _asserted(claims, "Ruth Adeyemi", "has_role")}
    employers = {(c.object, c.period.start, c.period.end) for c in _asserted(claims, "Ruth Adeyemi", "works_for")}

    assert {(f"harbour engineer of {TRUST}", "2011-03"), ("head of Survey Department", "2014-05")} <= roles
    assert ("head of Engineering Department", "2022-03") in roles
    assert {("Tidewell Survey Ltd", "2006", "2011"), (TRUST, "2011-03", None), (TRUST, None, "2019-07")} <= employers
    assert ("Coastal Research Institute", "2019-08", None) in employers


def _asserted(claims: list[Claim], subject: str, predicate: str) -> list[Claim]:
    return [c for c in claims if (c.subject, c.predicate, c.polarity) == (subject, predicate, "asserted")]
