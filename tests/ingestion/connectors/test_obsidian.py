"""Vaults as people keep them: what is a note, what names it, what it links to, and what stays unseen."""

import json
import os
from datetime import date
from pathlib import Path

import pytest

from handoffs.models import Handoff, Reference
from ingestion.asking import facts
from ingestion.connectors.obsidian.notes import read_note
from ingestion.connectors.obsidian.preferences import preferences
from ingestion.connectors.obsidian.vault import Obsidian
from ingestion.connectors.wikilinks import Names, targets
from ingestion.ports import Listed, Unlisted
from ingestion.sync import sync
from ledger.failures import Gone, Transient
from ledger.reasons import Reason
from patches.facts import NOW
from tests.builders import make_source
from tests.doubles import Moody
from tests.flying import work_off
from tests.ingestion.connectors.ordinary import listed_as_ordinary_user

LIMIT = 1_000_000


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    root = tmp_path / "vault"
    (root / ".obsidian").mkdir(parents=True)
    return root


def write(vault: Path, **notes: str) -> None:
    """Write notes by their path without `.md`."""
    for name, text in notes.items():
        path = vault / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def wishes(vault: Path, file: str, **keys: object) -> None:
    (vault / ".obsidian" / f"{file}.json").write_text(json.dumps(keys))


def listed(vault: Path, **options) -> set[str]:
    return {entry.external_id for entry in Obsidian(str(vault), **options).list({}) if isinstance(entry, Listed)}


def told(vault: Path, external_id: str) -> dict[str, str]:
    return dict(Obsidian(str(vault)).read(external_id, limit_bytes=LIMIT).metadata)


def test_settings_waste_and_conflicts_are_no_notes(vault):
    write(
        vault, **{"a": "a", ".trash/b": "b", "c.sync-conflict-20240502-101500-ABCDEFG": "c", ".obsidian/plugins/d": "d"}
    )
    (vault / ".obsidian" / "plugins" / "data.json").write_text('{"key": "secret"}')
    (vault / "sync.icloud").write_text("stub")
    assert listed(vault) == {"a.md"}


def test_what_the_vault_excludes_is_neither_listed_nor_followed(vault):
    write(vault, **{"a": "a", "Templates/b": "b ![[b.pdf]]", "drafts/2020/c": "c", "Draft": "d"})
    (vault / "b.pdf").write_text("b")
    wishes(vault, "app", userIgnoreFilters=["templates/", "/drafts/\\d+//"], vimMode=True)
    assert listed(vault) == {"a.md", "Draft.md"}


@pytest.mark.parametrize("settings", ['{"userIgnoreFilters": ["/(/"]}', "{", '{"userIgnoreFilters": "Private"}'])
def test_settings_that_cannot_be_read_let_nothing_in(vault, settings):
    write(vault, a="a")
    (vault / ".obsidian" / "app.json").write_text(settings)
    with pytest.raises(Transient) as failure:
        listed(vault)
    assert failure.value.detail.startswith(".obsidian/app.json")


def test_files_come_in_by_the_links_of_notes(vault):
    (vault / "files").mkdir()
    for name in ("linked.pdf", "embedded.html", "by markdown.txt", "alone.pdf", "photo.png", "in code.pdf", "100%.pdf"):
        (vault / "files" / name).write_text(name)
    write(
        vault,
        a="---\nsource: '[[linked.pdf]]'\n---\n![[embedded.html#top]] ![[photo.png]] [see](files/by%20markdown.txt)\n",
        b="`[[in code.pdf]]` [[files/100%.pdf]] [[nowhere.pdf]] [out](https://example.org/alone.pdf)",
    )
    taken = {"a.md", "b.md", "files/linked.pdf", "files/embedded.html", "files/by markdown.txt", "files/100%25.pdf"}
    assert listed(vault) == taken
    assert listed(vault, attachments=False) == {"a.md", "b.md"}
    [photo] = [entry for entry in Obsidian(str(vault)).list({}) if isinstance(entry, Unlisted)]
    assert photo == Unlisted("files/photo.png", Reason.UNSUPPORTED_TYPE)


@pytest.mark.parametrize(
    ("front", "named"),
    [
        ("---\nid: 2024-a\n---\n", "2024-a"),
        ("---\r\nuuid: 'x y'\r\n---\r\n", "x y"),
        ('---\nbroken: [\nid: "0042"  # short\n---\n', "0042"),
        ("---\nid:\n---\n", ""),
        ("---\nid: [a]\n---\n", ""),
        ("---\nnested:\n  id: a\n---\n", ""),
        (" ---\nid: a\n---\n", ""),
        ("\n---\nid: a\n---\n", ""),
        ("\ufeff---\nid: a\n---\n", ""),
        ("---\nid: a\n", ""),
        ("---\nid: " + "a" * 201 + "\n---\n", ""),
    ],
)
def test_an_id_stands_in_the_front_matter_and_that_at_the_first_byte(front, named):
    assert read_note(front.encode()).id == named


def test_properties_have_types_and_tags_are_those_of_the_whole_note():
    note = read_note(
        b"---\ndue: 2024-05-02\ndone: false\nrating: 4\nstatus: no\nat: 12:30\n"
        b"aliases: [The pump, P1]\ntags:\n- Work/pumps\n- b\n---\n"
        b"# Pumps\nSee #garden/beds and #b, not `#code`, word#no, #12 or [x](y#z).\n```\n#no\n```\n"
    )
    assert note.properties == {
        "due": date(2024, 5, 2),
        "done": False,
        "rating": 4,
        "status": "no",
        "at": "12:30",
        "aliases": ["The pump", "P1"],
        "tags": ["Work/pumps", "b"],
    }
    assert (note.aliases, note.tags) == (["The pump", "P1"], ["Work/pumps", "b", "garden/beds"])
    assert json.loads(note.told()["properties"])["due"] == "2024-05-02"


@pytest.mark.parametrize("front", ["a: &a [x]\nb: [*a, *a]", "a: [unclosed", "a: 2024-02-31", "- a\n- b", "[" * 5000])
def test_front_matter_that_is_not_valid_costs_nothing_but_itself(front):
    note = read_note(f"---\n{front}\n---\nbody [[b]] #tag".encode())
    assert (note.properties, note.tags, list(note.links())) == ({}, ["tag"], ["b"])


def test_links_are_told_by_their_targets():
    text = "[[A]] [[b/C#Heading|alias]] ![[d.png|100]] [[E^block]] [[F#^block]] [[#here]]"
    text += " [x](<g h.md> 't') [y](#z) [m](mailto:a@b.c)"
    assert list(targets(text)) == ["A", "b/C", "d.png", "E", "F", "g h.md"]


def test_a_link_means_the_namesake_at_that_path_then_the_nearest():
    names = Names(["Pump.md", "a/Pump.md", "a/Well.md", "b/c/Well.md", "b/Tap.md", "c/Tap.md", "naïve.md"])
    assert names.find("Pump", "a") == "Pump.md"
    assert names.find("a/pump", "") == "a/Pump.md"
    assert names.find("./Pump", "a") == "a/Pump.md"
    assert names.find("Well", "b/c") == "b/c/Well.md"
    assert names.find("Well", "x") == "a/Well.md"
    assert names.find("c/Well", "") == "b/c/Well.md"
    assert names.find("Tap", "x") == "b/Tap.md"
    assert names.find("../Pump.md", "a") == "Pump.md"
    assert names.find("/Tap", "b") is None
    assert names.find("nai\u0308ve", "") == "naïve.md"
    assert names.find("Unwritten", "") is None


@pytest.mark.parametrize(
    ("format_", "folder", "path", "day"),
    [
        (None, None, "anywhere/2024-05-02.md", "2024-05-02"),
        (None, None, "2024-05-02 a meeting.md", None),
        ("", "Journal", "Journal/2024-05-02.md", "2024-05-02"),
        ("", "Journal", "2024-05-02.md", None),
        ("YYYY/MM-MMMM/YYYY-MM-DD-dddd", "Journal", "Journal/2024/05-May/2024-05-02-Thursday.md", "2024-05-02"),
        ("dddd, MMMM Do YYYY", "", "Thursday, May 2nd 2024.md", "2024-05-02"),
        ("D.M.YYYY [note]", "", "2.5.2024 note.md", "2024-05-02"),
        ("YYYY-MM-DD", "", "2024-02-31.md", None),
        ("gggg-[W]ww", "", "2024-W18.md", None),
    ],
)
def test_a_daily_note_is_dated_by_its_name(vault, format_, folder, path, day):
    if format_ is not None:
        wishes(vault, "daily-notes", format=format_, folder=folder)
    assert preferences(vault).day(path) == day


def test_what_a_note_says_of_itself_is_kept_with_it(vault):
    write(vault, **{"Journal/2024-05-02": "---\nid: d1\ntags: diary\n---\nRain."})
    expected = {"path": "Journal/2024-05-02.md", "dated": "2024-05-02", "tags": "diary"}
    assert told(vault, "id:d1").items() >= expected.items()
    with pytest.raises(Gone):
        told(vault, "id:nobody")


def test_an_id_of_two_notes_names_neither_and_a_path_that_looks_like_one_is_a_path(vault):
    write(vault, **{"a": "---\nid: x\n---\na", "b": "---\nid: x\n---\nb", "c": "---\nid: y.md\n---\nc", "id:y": "d"})
    assert listed(vault) == {"a.md", "b.md", "id:y.md", "./id:y.md"}
    assert Obsidian(str(vault)).read("./id:y.md", limit_bytes=LIMIT).data == b"d"


def test_what_could_not_be_looked_at_hides_the_whole_vault_from_deletion(open_root):
    """It may have been the note that an id names, or that links to a file."""
    write(open_root, a="---\nid: x\n---\na", b="b")
    (open_root / "a.md").chmod(0)
    found = listed_as_ordinary_user("obsidian", open_root)
    assert ("Unlisted", {"external_id": "a.md", "reason": "unreadable"}) in found
    assert found[-1] == ("ScopeComplete", {"count": 1, "except_below": [""], "below": ""})


def test_nothing_is_written_into_a_vault(vault):
    write(vault, a="---\nid: x\n---\n![[b.pdf]]")
    (vault / "b.pdf").write_text("b")
    before = {path: path.stat().st_mtime_ns for path in vault.rglob("*")}
    port = Obsidian(str(vault))
    for entry in [*port.list({}), port.check()]:
        if isinstance(entry, Listed):
            port.read(entry.external_id, limit_bytes=LIMIT)
    assert {path: path.stat().st_mtime_ns for path in vault.rglob("*")} == before


@pytest.mark.django_db
def test_a_note_with_an_id_stays_itself_wherever_it_moves(vault, models: Moody):
    write(vault, **{"a": "---\nid: x\n---\nled_by: Acme > Ann [2011..]", "b": "other"})
    source = make_source(kind="obsidian", options={"root": str(vault)})
    sync(source)
    work_off()
    read = len(models.seen)

    (vault / "people").mkdir()
    (vault / "a.md").rename(vault / "people" / "Ann.md")
    found = sync(source)
    work_off()

    assert (found.new, found.reopened, found.gone, len(models.seen)) == (0, 0, 0, read)
    assert Reference.objects.get(external_id="id:x").metadata["path"] == "people/Ann.md"
    assert Handoff.objects.filter(reference__external_id="id:x").count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("models")
def test_a_note_that_is_touched_is_not_even_read_again(vault):
    write(vault, a="one")
    source = make_source(kind="obsidian", options={"root": str(vault)})
    sync(source)
    os.utime(vault / "a.md", ns=(1, 1))
    assert sync(source).unchanged == 1


@pytest.fixture
def rules(models: Moody, settings) -> None:  # noqa: ARG001  what it sets comes first
    """The extractor that reads links and front matter, in the place of the tests' own."""
    settings.EXTRACTOR = "spacy_rules"


@pytest.mark.django_db
@pytest.mark.usefixtures("rules")
def test_links_are_facts_that_lead_to_the_notes_they_mean_now(vault):
    write(
        vault,
        **{
            "a/Pump": "# The pump\nIt feeds the [[Well#Depth|old well]] and the [[Tap]].",
            "a/Well": "# Well A\nDug in 1900.",
            "b/Well": "---\nid: well-b\n---\n# Well B\nDug later.",
            "b/Note": "# Notes\nSee [[well]] and [[a/Well]].",
        },
    )
    source = make_source(kind="obsidian", options={"root": str(vault)})
    sync(source)
    work_off()
    assert linked(source) == {
        ("The pump", "Well"): ("a/Well.md",),
        ("The pump", "Tap"): (),
        ("Notes", "well"): ("b/Well.md",),
        ("Notes", "a/Well"): ("a/Well.md",),
    }

    write(vault, **{"Tap": "# Tap\nIt drips."})
    (vault / "c").mkdir()
    (vault / "b" / "Well.md").rename(vault / "c" / "Well.md")
    sync(source)
    work_off()
    assert linked(source)[("The pump", "Tap")] == ("Tap.md",)
    assert linked(source)[("Notes", "well")] == ("a/Well.md",)


def linked(source) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (fact.subject, fact.object): tuple(fact.leads_to)
        for fact in facts(source.reflection, predicate="links_to", seen=NOW)
    }
