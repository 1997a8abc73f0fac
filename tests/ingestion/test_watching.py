"""Real folders, watched: one hint when something came to rest, and none for what nobody minds."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as enumerate_threads

import pytest
from django.db import connection
from structlog.testing import capture_logs

from handoffs.models import Source
from ingestion import watching
from ingestion.connectors import CONNECTORS, watchable
from ingestion.models import Occurrence
from ingestion.mounts import is_remote
from ingestion.watching import Follower, Unsettled
from tests.builders import make_source

STABLE_S = 0.3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "old.md").write_text("An old note.")
    return folder


@pytest.fixture
def follow(folder: Path, transactional_db) -> Iterator:  # noqa: ARG001  threads have connections of their own
    begun: list[Follower] = []

    def follow(kind: str = "local_files", **options: object) -> Follower:
        source = make_source(kind=kind, options={"root": str(folder), **options})
        port = watchable(kind, source.options)
        assert port
        begun.append(Follower(source.pk, port, STABLE_S))
        begun[-1].start()
        hinted()
        assert begun[-1].listening.wait(5)
        return begun[-1]

    yield follow
    for follower in begun:
        follower.ended.set()
        follower.join()


def until(condition, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def took_hint() -> bool:
    """As if it were synced: the next change is another hint."""
    return bool(Occurrence.objects.filter(status="due", by="watch").update(status="missed", next_attempt_at=None))


def hinted() -> None:
    until(took_hint)


def silent(seconds: float = 3 * STABLE_S) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if Occurrence.objects.filter(status="due").exists():
            return False
        time.sleep(0.02)
    return True


def test_what_happened_before_is_looked_at_once_and_then_there_is_silence(follow):
    follow()
    assert silent()
    assert Occurrence.objects.get().cause == "hinted"


@pytest.mark.parametrize("kind", ["local_files", "obsidian"])
def test_a_change_a_new_file_a_renamed_one_and_a_deleted_one_are_heard(follow, folder, kind):
    follow(kind)
    note = folder / "deep" / "old.md"
    note.write_text("Changed.")
    hinted()
    (folder / "later").mkdir()
    (folder / "later" / "new.md").write_text("New.")
    hinted()
    note.rename(folder / "moved.md")
    hinted()
    (folder / "moved.md").unlink()
    hinted()
    assert silent()


def test_an_editor_that_writes_beside_and_renames_makes_one_hint(follow, folder):
    follow()
    draft = folder / "deep" / "4913"
    draft.write_text("The whole note, ")
    with draft.open("a") as file:
        file.write("saved at once.")
    draft.replace(folder / "deep" / "old.md")
    hinted()
    assert silent()


def test_a_file_is_left_alone_while_it_is_written(follow, folder):
    follow()
    with (folder / "long.md").open("w") as file:
        ended = time.monotonic() + 4 * STABLE_S
        while time.monotonic() < ended:
            file.write("more ")
            file.flush()
            assert not Occurrence.objects.filter(status="due").exists()
            time.sleep(STABLE_S / 10)
    hinted()


def test_a_folder_that_disappears_is_waited_for(follow, folder, monkeypatch):
    monkeypatch.setattr(watching, "AWAY_S", 0.05)
    follower = follow()
    folder.rename(folder.with_name("elsewhere"))
    until(lambda: "away" in follower.trouble)
    took_hint()
    assert silent()  # nobody is told that everything is gone
    shutil.copytree(folder.with_name("elsewhere"), folder)
    hinted()
    until(follower.listening.is_set)
    took_hint()
    (folder / "deep" / "again.md").write_text("Heard as before.")
    hinted()


def test_after_too_much_at_once_the_folder_is_listened_to_anew(follow, folder, monkeypatch):
    monkeypatch.setattr(watching, "FLOOD", 20)
    follower = follow()
    with capture_logs() as logged:
        for n in range(40):
            (folder / f"{n}.md").write_text("One of many.")
        hinted()
    assert any("listened to anew" in line["event"] for line in logged)
    until(follower.listening.is_set)
    until(lambda: took_hint() or silent())
    (folder / "deep" / "after.md").write_text("Heard as before.")
    hinted()


def test_where_nothing_can_be_heard_it_is_looked_at_now_and_then(folder, transactional_db, monkeypatch):  # noqa: ARG001
    monkeypatch.setattr(watching, "UNHEARD_S", 0.1)
    monkeypatch.setattr(watching, "is_remote", lambda _: True)
    source = make_source(options={"root": str(folder)})
    follower = Follower(source.pk, watchable(source.kind, source.options), STABLE_S)
    follower.start()
    for _ in range(3):
        hinted()
    follower.ended.set()
    follower.join()


def test_hidden_files_are_minded_only_where_they_are_wanted(follow, folder):
    follow()
    (folder / ".obsidian").mkdir()
    (folder / ".obsidian" / "workspace.json").write_text("{}")
    assert silent()
    assert watchable("local_files", {"root": str(folder), "hidden": True}).minds(folder / ".notes" / "a.md")


def test_what_is_written_without_a_notice_is_waited_for(folder):
    note = folder / "deep" / "old.md"
    unsettled = Unsettled(1.0)
    unsettled.hear([str(note)], now=0.0)
    assert not unsettled.settled(0.9)
    note.write_text("Another length.")
    assert not unsettled.settled(1.1)
    assert not unsettled.settled(2.0)
    assert unsettled.settled(2.2)
    assert not unsettled.settled(9.0)  # it was said


def test_a_file_that_never_rests_keeps_the_others_waiting_for_so_long_alone():
    unsettled = Unsettled(1.0)
    said = []
    for tenth in range(700):
        unsettled.hear(["/nowhere/log.md"], now=tenth / 10)
        said.append(unsettled.settled(tenth / 10))
    assert said.count(True) == 2


@pytest.mark.django_db(transaction=True)
def test_sources_come_and_go_while_it_watches(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SOURCES_S", 0.05)
    other = tmp_path / "other"
    other.mkdir()
    source = make_source(options={"root": str(folder)})
    make_source(kind="pushed")
    ended = Event()

    def work() -> None:
        watching.watch(ended, stable_s=STABLE_S)
        connection.close()

    thread = Thread(target=work)
    thread.start()
    try:
        hinted()
        Source.objects.filter(pk=source.pk).update(options={"root": str(other)})
        hinted()
        (other / "a.md").write_text("In the other folder.")
        hinted()
        Source.objects.filter(pk=source.pk).update(paused=True)
        until(lambda: not any(one.name == f"watch {source.pk}" for one in enumerate_threads()))
        (other / "b.md").write_text("While it is paused.")
        assert silent()
        Source.objects.filter(pk=source.pk).update(paused=False)
        hinted()
    finally:
        ended.set()
        thread.join()


def test_only_folders_are_watched():
    options = {"github": {"repository": "a/b"}, "pushed": {}}
    assert {kind for kind in CONNECTORS if watchable(kind, options.get(kind, {"root": "/x"}))} == {
        "local_files",
        "obsidian",
    }
    assert watchable("local_files", {"roof": "/x"}) is None


@pytest.mark.parametrize(
    ("folder", "remote"),
    [("/", False), ("/home/ann", False), ("/mnt/team files/notes", True), ("/mnt/team", False), ("/mnt/key", True)],
)
def test_folders_of_other_machines_are_known_by_their_mount(folder, remote):
    mounts = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 0:40 / /mnt/team\\040files rw shared:9 - nfs4 server:/files rw\n"
        "31 22 0:41 / /mnt/key rw - fuse.sshfs ann@host: rw\n"
    )
    assert is_remote(Path(folder), mounts) == remote
