"""The demo tells its story from what is really in the store: a newcomer's first command, and the first of CI's."""

import json
import re
from collections.abc import Iterator

import pytest

from config import embedded
from ingestion.management.commands.demo import keep_what_cannot_be_read
from ingestion.models import RetryRule
from ledger.models import Event
from tests.builders import make_source
from tests.conftest import Store

TRUST = "Marrow Bay Harbour Trust"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, list[str]]]:
    store = Store(tmp_path_factory.mktemp("demo"))
    done = store.manage("demo", timeout=280, COLUMNS="120")
    assert done.returncode == 0, done.stdout + done.stderr
    yield store, [" ".join(line.split()) for line in done.stdout.splitlines()]
    embedded.discard(store.state_dir)


def chapter(lines: list[str], number: int) -> str:
    """The chapter's lines, joined as they were before the terminal wrapped them."""
    [start] = [n for n, line in enumerate(lines) if line.startswith(f"{number}. ")][-1:]
    rest = lines[start + 1 :]
    end = next((n for n, line in enumerate(rest) if re.match(r"\d\. [A-Z]|Where to go", line)), len(rest))
    return " ".join(rest[:end])


def test_what_cannot_be_read_waits_for_a_person_as_a_rule_of_the_store_says(told):
    store, lines = told
    assert "notes/old-backup.txt: quarantined, as the store's retry rules have it for what is malformed" in lines
    [waiting] = json.loads(store.manage("quarantine", "list", "--runs", "--json").stdout)["runs"]
    assert (waiting["item"], waiting["reason"]) == ("notes/old-backup.txt", "undecodable")


@pytest.mark.django_db
@pytest.mark.parametrize(("sources", "rules"), [(0, [("malformed", "quarantined")]), (1, [])])
def test_a_store_that_has_sources_keeps_the_rules_that_it_has(sources, rules):
    for _ in range(sources):
        make_source()
    keep_what_cannot_be_read()
    assert list(RetryRule.objects.values_list("failure", "then")) == rules
    assert [event.became for event in Event.objects.filter(lifecycle="retryrule")] == ["kept" for _ in rules]


def test_five_directors_follow_each_other(told):
    _, lines = told
    leaders = re.findall(rf"(\d{{4}})[-\d]* – [-\d]* ?{TRUST} is led by (\w+ \w+)", chapter(lines, 3))
    assert leaders == [
        ("2009", "Edward Penrose"),
        ("2013", "Margaret Ashdown"),
        ("2017", "Thomas Hallett"),
        ("2021", "Helen Marsh"),
        ("2025", "Daniel Okafor"),
    ]


def test_a_poisoned_document_is_kept_out_and_the_gate_says_why(told):
    store, lines = told
    arrived = chapter(lines, 4)
    assert "corrigendum 2025-03-12.txt: completed" in arrived
    assert f"notice to all readers.md: eval_rejected it claims: {TRUST} led by Simon Farrow" in arrived
    assert re.search(r"no instructions: .*Ignore all previous instructions", arrived)
    assert "Simon Farrow" not in store.manage("facts", "--reflection", "demo", "--history", "--json").stdout
    assert "Ignore all previous" not in store.manage("search", "who leads the trust", "--reflection", "demo").stdout


def test_a_correction_changes_the_answer_and_not_what_was_believed(told):
    _, lines = told
    now, _, then = chapter(lines, 5).partition("as known at")
    assert "is led by Helen Marsh" in now and "corrigendum" in now
    assert "is led by Thomas Hallett" in then and "corrigendum" not in then


def test_a_revert_restores_what_was_known(told):
    store, lines = told
    assert "is byte for byte what it was" in chapter(lines, 6)
    asked = ("facts", "--about", TRUST, "--predicate", "led_by", "--valid-at", "2021-04", "--reflection", "demo")
    assert "Thomas Hallett" in store.manage(*asked).stdout


def test_links_of_a_vault_lead_to_the_notes_that_they_mean(told):
    _, lines = told
    linked = chapter(lines, 7)
    for note in ("2025-03-20", "Ruth Adeyemi", "Winter works"):
        assert f"{note} links to Tide gate → Gates/Tide gate.md" in linked
    for meant in ("Ruth Adeyemi → Ruth Adeyemi.md", "gauge readings.txt → gauge readings.txt"):
        assert f"Tide gate links to {meant}" in linked
    assert "The rollers was sent to Ruth Adeyemi" in linked


def test_it_is_short_to_read(told):
    _, lines = told
    assert len(lines) <= 80


def test_the_same_store_does_not_hear_it_twice(told):
    store, _ = told
    again = store.manage("demo")
    assert again.returncode == 2
    assert "give it a new --reflection" in again.stderr
