"""A backup made, looked at and loaded, by the commands, into a store of its own."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, Store

EXAMPLES = ROOT / "examples" / "corpus"


@pytest.fixture(scope="module")
def backed_up(make_store, tmp_path_factory) -> tuple[Store, Path]:
    store, folder = make_store(), tmp_path_factory.mktemp("backup")
    store.ingest(EXAMPLES)
    done = store.manage("backup", "make", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["payloads"] > 0
    return store, folder


def test_what_is_loaded_is_what_was_backed_up_and_goes_on(backed_up, make_store):
    store, folder = backed_up
    other = make_store()
    done = other.manage("backup", "load", str(folder), "--json")
    assert (done.returncode, json.loads(done.stdout)["audit"]) == (0, []), done.stderr
    assert other.export() == store.export() != ""
    assert other.manage("auditlog", "verify").returncode == 0
    again = other.ingest(EXAMPLES)
    assert again["model_calls"] == 0
    assert other.export() == store.export()


def test_a_store_with_something_in_it_is_not_loaded_into(backed_up):
    store, folder = backed_up
    before = store.export()
    done = store.manage("backup", "load", str(folder))
    assert done.returncode == 1
    assert "something in this store already" in done.stderr
    assert store.export() == before


def test_an_altered_backup_is_found_out_and_not_loaded(backed_up, tmp_path):
    store, folder = backed_up
    assert store.manage("backup", "verify", str(folder)).returncode == 0
    payload = next(path for path in (folder / "payloads").glob("*/*/*"))
    data = payload.read_bytes()
    payload.write_bytes(data + b".")
    done = store.manage("backup", "verify", str(folder), "--json")
    payload.write_bytes(data)
    assert done.returncode == 4
    assert json.loads(done.stdout)["wrong"] == [f"the payload {payload.name} was altered"]
    assert store.manage("backup", "verify", str(tmp_path)).returncode == 1


def test_a_second_backup_copies_what_is_new_and_tells_of_what_the_store_lost(backed_up):
    store, folder = backed_up
    lost = next(path for path in (folder / "payloads").glob("*/*/*"))
    times = {path: path.stat().st_mtime_ns for path in (folder / "payloads").glob("*/*/*")}
    assert store.manage("backup", "make", str(folder)).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times
    lost.unlink()
    [own] = store.state_dir.rglob(lost.name)
    own.rename(own.with_name("aside"))
    done = store.manage("backup", "make", str(folder), "--json")
    own.with_name("aside").rename(own)
    assert (done.returncode, json.loads(done.stdout)["damaged"]) == (1, [lost.name])
    assert store.manage("backup", "make", str(folder)).returncode == 0
    assert lost.exists()


def test_what_was_purged_is_taken_out_of_an_older_backup(make_store, tmp_path):
    store, folder, texts = make_store(), tmp_path / "backup", tmp_path / "texts"
    texts.mkdir()
    (texts / "kept.txt").write_text("Ann Smith leads Acme.")
    (texts / "gone.txt").write_text("Bob Jones leads Initech.")
    store.ingest(texts)
    store.manage("backup", "make", str(folder))
    [purged] = [path for path in (folder / "payloads").glob("*/*/*") if b"Initech" in path.read_bytes()]
    done = store.manage("purge", "--reference", "gone.txt", "--reason", "asked for", "--yes")
    assert done.returncode == 0, done.stderr
    done = store.manage("backup", "make", str(folder), "--json")
    assert (done.returncode, json.loads(done.stdout)["payloads"]) == (0, 1)
    assert not purged.exists()
    assert store.manage("backup", "verify", str(folder)).returncode == 0
