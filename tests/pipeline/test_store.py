"""The product as a person uses it: `manage.py` on folders, with real servers and real workers."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from config import embedded
from tests.conftest import ROOT, Store
from tests.reading import files

GOOD = "The harbour master of Tidewell since 2019 is Ruth Adeyemi.\n"


def write_bad_folder(root: Path) -> None:
    """The inputs that a real folder has one day; the good ones say something different each."""
    (root / "good.md").write_text(f"# Harbour\n\n{GOOD}")
    (root / "empty.md").touch()
    (root / "ff.txt").write_bytes(b"\xff" * 4096)
    (root / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    with (root / "huge.log").open("wb") as file:
        file.truncate(1 << 30)
    with open(os.fsencode(root) + b"/caf\xe9.md", "wb") as file:  # noqa: PTH123  bytes, which Path refuses
        file.write(b"A note in a file whose name is no UTF-8.\n")
    deep = root.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "deep.md").write_text("A note two hundred folders down.\n")
    (root / "fake.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind\n%%EOF")
    (root / "nested.html").write_text("<html><body>" + "<div>" * 200_000 + "A note two hundred thousand tags deep.")
    (root / "bomb.docx").write_bytes(files.docx("x", parts={"word/styles.xml": " " * 40_000_000}))
    os.mkfifo(root / "pipe")
    (root / "closed.md").write_text("Nobody may read this.\n")
    (root / "closed.md").chmod(0)


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad")
    write_bad_folder(root)
    return root


@pytest.fixture(scope="module")
def bad(make_store, bad_folder) -> tuple[Store, dict[str, Any]]:
    """A store that was given the bad folder, and what it said."""
    store = make_store()
    return store, store.ingest(bad_folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("examples") / "corpus"
    shutil.copytree(ROOT / "examples" / "corpus", root)
    return root


@pytest.fixture(scope="module")
def undisturbed(make_store, folder) -> tuple[Store, str]:
    """A store that holds the examples, and its export."""
    store = make_store()
    store.ingest(folder)
    return store, store.export()


def test_each_bad_input_ends_with_its_reason_and_the_good_ones_are_applied(bad):
    _, report = bad
    refused = dict.fromkeys(("empty", "too_large", "undecodable", "unsupported_type", "corrupt", "too_complex"), 1)
    closed = (
        {"applied": 5} if os.getuid() == 0 else {"applied": 4, "unreadable": 1}
    )  # root reads what is closed to others
    assert report["reasons"] == refused | closed
    assert report["skipped"] == {"not_a_file": 1}
    assert sum(report["outcomes"].values()) == report["items"] == 11
    assert set(report["outcomes"]) == {"completed", "failed"}


def test_the_good_among_the_bad_can_be_found(bad):
    store, _ = bad
    answer = json.loads(store.manage("search", "who is the harbour master", "--json").stdout)
    [hit, *_] = answer["hits"]
    assert set(hit) == {"score", "text", "title", "documents", "start", "end", "batches", "highlights"}
    assert GOOD.strip() in hit["text"]
    assert hit["documents"] == ["good.md"]
    assert "caf%E9.md" in store.export()


def test_a_second_ingest_of_the_same_folder_does_no_work(bad, bad_folder):
    store, first = bad
    before = store.export()
    again = store.manage("ingest", str(bad_folder), "--json")
    report = json.loads(again.stdout)
    assert (report["unchanged"], report["model_calls"], report["outcomes"]) == (first["items"], 0, {})
    assert again.returncode == 0
    assert store.export() == before


def test_the_exit_status_says_how_it_went(bad, tmp_path):
    store, _ = bad
    (tmp_path / "empty.md").touch()
    assert store.manage("ingest", str(tmp_path), "--reflection", "hollow").returncode == 1
    expected = {
        ("ingest", str(tmp_path / "absent")): 2,
        ("search", "harbour"): 0,
        ("search", "harbour", "--reflection", "hollow"): 1,
        ("search", "harbour", "--reflection", "absent"): 2,
        ("facts", "--about", "nobody at all"): 2,
        ("facts", "--reflection", "hollow"): 1,
        ("facts", "--reflection", "absent"): 2,
        ("export", "--reflection", "absent"): 2,
    }
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda arguments: store.manage(*arguments).returncode, expected)
        assert dict(zip(expected, found, strict=True)) == expected


def test_facts_come_with_their_words_and_times(undisturbed):
    store, _ = undisturbed
    done = store.manage("facts", "--about", "Ruth Adeyemi", "--json")
    facts = json.loads(done.stdout)["facts"]
    assert done.returncode == 0
    names = {
        "id",
        "subject",
        "predicate",
        "label",
        "object",
        "valid_from",
        "valid_to",
        "precision",
        "basis",
        "known_from",
        "known_to",
        "known_from_at",
        "known_to_at",
        "evidence",
        "leads_to",
    }
    assert all(set(fact) == names for fact in facts)
    assert all(said["quote"] and said["documents"] for fact in facts for said in fact["evidence"])
    assert all(fact["evidence"] for fact in facts)


def test_two_fresh_stores_hold_the_same_byte_for_byte(undisturbed, make_store, folder):
    _, export = undisturbed
    other = make_store()
    other.ingest(folder)
    assert other.export() == export
    kinds = {json.loads(line)["kind"] for line in export.splitlines()}
    assert kinds == {"document", "passage", "fact"}


def workers(state_dir: Path) -> list[int]:
    """The processes of this store's workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            mine = f"SLUICEGATE_STATE_DIR={state_dir}".encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine and b"celery" in command:
            found.append(int(entry.name))
    return found


def stages_done(state_dir: Path) -> int:
    with psycopg.connect(embedded.addresses(state_dir).database_url) as connection:
        try:
            return connection.execute("SELECT count(*) FROM ingestion_stageoutput").fetchone()[0]
        except psycopg.errors.UndefinedTable:
            return 0


@pytest.fixture
def ingesting(make_store, folder) -> Iterator[tuple[Store, "subprocess.Popen[str]"]]:
    """A store whose first ingest is under way, with a short lease."""
    store = make_store()
    command = [sys.executable, "manage.py", "ingest", str(folder), "--json"]
    environment = store.environment | {"SLUICEGATE_LEASE_S": "5", "SLUICEGATE_FLIGHT_RUNS": "8"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield store, process
        process.kill()


def test_workers_that_are_killed_half_way_leave_no_trace_in_what_is_known(undisturbed, ingesting):
    _, export = undisturbed
    store, process = ingesting
    deadline = time.monotonic() + 60
    while stages_done(store.state_dir) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed = workers(store.state_dir)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    report = json.loads(process.communicate(timeout=120)[0])

    assert killed
    assert sum(report["outcomes"].values()) == report["items"]
    assert store.export() == export


def test_an_edited_paragraph_costs_a_few_passages_and_a_renamed_file_none(make_store, tmp_path):
    paragraphs = [f"Paragraph {n} tells of ship {n * 7} and of its {n} voyages." for n in range(200)]
    ships = tmp_path / "long.md"
    ships.write_text("# Ships\n\n" + "\n\n".join(paragraphs))
    store = make_store()
    whole = store.ingest(tmp_path)

    paragraphs[100] = "Paragraph 100 is about something else now."
    ships.write_text("# Ships\n\n" + "\n\n".join(paragraphs))
    edited = store.ingest(tmp_path)
    ships.rename(tmp_path / "ships.md")
    renamed = store.ingest(tmp_path, "--accept-deletions")

    assert edited["outcomes"] == {"completed": 1}
    assert 1 <= edited["model_calls"] <= 9 < whole["model_calls"]  # three models, three passages
    assert (renamed["model_calls"], renamed["gone"], renamed["outcomes"]) == (0, 1, {"duplicate_skipped": 1})
    documents = [line for line in map(json.loads, store.export().splitlines()) if line["kind"] == "document"]
    assert [[name for _, name in document["carried_by"]] for document in documents] == [["ships.md"]]
