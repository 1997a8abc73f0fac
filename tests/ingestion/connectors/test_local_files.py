"""Folders as people have them, and as nobody should: what is listed, what is read, and what is believed to be gone."""

import os
import socket
from pathlib import Path

import pytest

from ingestion.connectors.local_files import LocalFiles
from ingestion.ports import Listed, ScopeComplete, Unlisted
from ledger.failures import Gone, Malformed
from ledger.reasons import Reason
from tests.ingestion.connectors.ordinary import listed_as_ordinary_user

LIMIT = 1_000_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def listed(root: Path, **options) -> set[str]:
    return {entry.external_id for entry in LocalFiles(str(root), **options).list({}) if isinstance(entry, Listed)}


def unlisted(root: Path) -> dict[str, str]:
    return {entry.external_id: entry.reason for entry in LocalFiles(str(root)).list({}) if isinstance(entry, Unlisted)}


def complete(root: Path) -> ScopeComplete:
    [*_, last] = LocalFiles(str(root)).list({})
    assert isinstance(last, ScopeComplete)
    return last


def read(root: Path, name: str, limit_bytes: int = LIMIT) -> bytes:
    return LocalFiles(str(root)).read(name, limit_bytes=limit_bytes).data


def test_hidden_files_are_passed_over_unless_asked_for_and_version_control_always(root):
    write(root, "a.md", ".env", ".notes/b.md", ".git/config", "CVS/Root", "sub/.git/HEAD", "sub/c.md")
    assert listed(root) == {"a.md", "sub/c.md"}
    assert listed(root, hidden=True) == {"a.md", "sub/c.md", ".env", ".notes/b.md"}


def test_include_and_exclude_look_at_the_name_or_at_the_path_below_the_root(root):
    write(root, "a.md", "b.txt", "drafts/c.md", "kept/d.md", "kept/drafts.md")
    assert listed(root, include=["*.md"]) == {"a.md", "drafts/c.md", "kept/d.md", "kept/drafts.md"}
    assert listed(root, include=["kept/*"]) == {"kept/d.md", "kept/drafts.md"}
    assert listed(root, exclude=["drafts", "*.txt"]) == {"a.md", "kept/d.md", "kept/drafts.md"}
    assert listed(root, include=["*.md"], exclude=["kept/d.*"]) == {"a.md", "drafts/c.md", "kept/drafts.md"}


def test_a_link_out_of_the_folder_is_neither_listed_nor_read(root, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (root / "out").symlink_to(tmp_path / "secret")
    assert unlisted(root) == {"out": Reason.NOT_A_FILE}
    for name in ("out", "../secret", "sub/../../secret"):
        with pytest.raises(Malformed):
            read(root, name)


def test_a_link_to_a_file_inside_is_a_file(root):
    write(root, "a.md")
    (root / "b.md").symlink_to("a.md")
    assert listed(root) == {"a.md", "b.md"}
    assert read(root, "b.md") == b"a.md"


def test_links_in_circles_and_to_nowhere_are_no_files_and_end_the_listing_in_order(root):
    write(root, "a/b.md")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    (root / "a" / "up").symlink_to(root, target_is_directory=True)
    (root / "nowhere").symlink_to("absent")
    assert listed(root) == {"a/b.md"}
    assert unlisted(root) == {"one": Reason.NOT_A_FILE, "two": Reason.NOT_A_FILE, "nowhere": Reason.NOT_A_FILE}
    assert complete(root) == ScopeComplete(1)


def test_pipes_and_sockets_are_no_files_and_reading_one_does_not_wait(root):
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket"))
        assert unlisted(root) == {"pipe": Reason.NOT_A_FILE, "socket": Reason.NOT_A_FILE}
    with pytest.raises(Malformed) as refusal:
        read(root, "pipe")
    assert refusal.value.reason == Reason.NOT_A_FILE


@pytest.mark.parametrize(
    "name",
    [
        b"plain.md",
        b"caf\xe9.md",
        b"\xff\xfe",
        b"100%.md",
        b"%E9.md",
        b"%25.md",
        b"a\nb.md",
        "né.md".encode(),
        b"\xed\xb2\x80",
    ],
)
def test_every_name_that_a_file_can_have_round_trips(root, name):
    with open(os.path.join(os.fsencode(root), name), "wb") as file:  # noqa: PTH118,PTH123  bytes, which Path refuses
        file.write(b"found")
    [found] = listed(root)
    found.encode("utf-8")  # PostgreSQL takes it
    assert read(root, found) == b"found"


def test_two_names_are_never_one(root):
    for name in (b"caf\xe9", b"caf%E9", "café".encode(), b"caf%25E9"):
        with open(os.path.join(os.fsencode(root), name), "wb"):  # noqa: PTH118,PTH123  bytes, which Path refuses
            pass
    assert len(listed(root)) == 4


def test_five_hundred_folders_deep_is_listed_and_read(root):
    deep = root
    for _ in range(500):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "a.md").write_text("deep")
    assert read(root, "d/" * 500 + "a.md") == b"deep"
    assert listed(root) == {"d/" * 500 + "a.md"}


def test_a_file_that_vanished_is_gone_and_one_above_the_limit_is_too_large(root):
    write(root, "a.md")
    with pytest.raises(Gone):
        read(root, "b.md")
    with pytest.raises(Malformed) as refusal:
        read(root, "a.md", limit_bytes=3)
    assert refusal.value.reason == Reason.TOO_LARGE
    assert read(root, "a.md", limit_bytes=4) == b"a.md"


def test_a_large_sparse_file_is_refused_without_being_read_whole(root):
    with (root / "huge").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(Malformed) as refusal:
        read(root, "huge", limit_bytes=1 << 20)
    assert refusal.value.reason == Reason.TOO_LARGE


def test_a_folder_that_is_not_there_is_no_empty_folder(root):
    assert complete(root) == ScopeComplete(0)
    root.rmdir()
    with pytest.raises(Gone):
        list(LocalFiles(str(root)).list({}))


def test_a_changed_or_replaced_file_has_another_signature(root):
    write(root, "a.md")
    [before] = [entry.signature for entry in LocalFiles(str(root)).list({}) if isinstance(entry, Listed)]
    write(root, "b.md")
    os.utime(root / "b.md", ns=(0, (root / "a.md").stat().st_mtime_ns))
    (root / "b.md").rename(root / "a.md")
    [after] = [entry.signature for entry in LocalFiles(str(root)).list({}) if isinstance(entry, Listed)]
    assert before != after


def test_an_unreadable_folder_keeps_the_rest_and_nothing_below_it_is_gone(open_root):
    write(open_root, "a.md", "closed/b.md", "z.md")
    (open_root / "closed").chmod(0)
    found = listed_as_ordinary_user("local_files", open_root)
    assert {fields["external_id"] for kind, fields in found if kind == "Listed"} == {"a.md", "z.md"}
    assert ("Unlisted", {"external_id": "closed/", "reason": "unreadable"}) in found
    assert found[-1] == ("ScopeComplete", {"count": 2, "except_below": ["closed/"], "below": ""})


def test_what_could_not_be_looked_at_is_not_gone(open_root):
    """A folder that can be listed but not entered: its names are seen, its files are not."""
    write(open_root, "a.md", "names only/b.md")
    (open_root / "names only").chmod(0o444)
    found = listed_as_ordinary_user("local_files", open_root)
    assert ("Unlisted", {"external_id": "names only/b.md", "reason": "unreadable"}) in found
    assert found[-1] == ("ScopeComplete", {"count": 1, "except_below": ["names only/b.md"], "below": ""})
