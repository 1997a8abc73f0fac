"""A folder and the ledger: what a sync takes in, what it leaves, and what it does not believe."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handoffs.models import Handoff, Reference, Source
from ingestion import dispatch
from ingestion.connectors import CONNECTORS
from ingestion.connectors.local_files import LocalFiles
from ingestion.models import IngestRun, Turn
from ingestion.operating import resume
from ingestion.ports import Listed, ScopeComplete
from ingestion.sync import SyncBusy, sync
from ledger.failures import Auth, Gone, RateLimited
from ledger.reasons import Reason
from patches.models import Fact
from tests.builders import make_source
from tests.doubles import Mailroom, Ticker
from tests.flying import fly, open_flights, standing, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    root.mkdir()
    return root


@pytest.fixture
def source(folder):
    return make_source(options={"root": str(folder)})


def write(folder: Path, **files: str) -> None:
    """Write files that have lain there for a minute."""
    for name, content in files.items():
        (folder / name).write_text(content)
        then = time.time_ns() - 60 * 10**9
        os.utime(folder / name, ns=(then, then))


def gone(source) -> set[str]:
    return set(Reference.objects.filter(source=source).exclude(gone_at=None).values_list("external_id", flat=True))


def test_a_second_sync_of_an_unchanged_folder_reads_nothing(source, folder):
    write(folder, a="one", b="two")
    first = sync(source)
    assert (first.listed, first.new, first.complete) == (2, 2, True)
    for file in folder.iterdir():
        file.chmod(0)
    second = sync(source)
    assert (second.listed, second.unchanged, second.new, second.refused.total()) == (2, 2, 0, 0)


def test_a_touched_file_is_read_and_makes_nothing(source, folder):
    write(folder, a="one")
    sync(source)
    work_off()
    os.utime(folder / "a", ns=(1, 1))
    found = sync(source)
    assert (found.unchanged, found.touched, found.new, found.reopened) == (0, 1, 0, 0)
    assert standing(source) == {"a": ("ingested", "applied")}


def test_what_is_too_large_is_refused_once_and_not_read_again(source, folder, settings):
    settings.SIZE_LIMIT_BYTES = 10
    write(folder, a="x" * 11, b="x" * 10)
    assert sync(source).refused == {Reason.TOO_LARGE: 1}
    again = sync(source)
    assert (again.refused.total(), again.unchanged) == (0, 2)
    assert Reference.objects.get(external_id="a").reason == "too_large"


def test_a_deleted_file_is_gone_with_its_knowledge_and_a_restored_one_is_back(source, folder):
    write(folder, a="led_by: Acme > Ann [2011..]", b="other")
    sync(source)
    work_off()
    (folder / "a").unlink()
    assert sync(source).gone == 1
    work_off()
    assert gone(source) == {"a"}
    assert not Fact.objects.filter(sys__upper_inf=True).exists()

    write(folder, a="led_by: Acme > Ann [2011..]")
    assert sync(source).reopened == 1
    work_off()
    assert gone(source) == set()
    assert Fact.objects.filter(sys__upper_inf=True).exists()


def test_a_file_that_goes_before_its_turn_is_cancelled(source, folder):
    write(folder, a="one", b="two")
    sync(source)
    (folder / "a").unlink()
    sync(source)
    assert standing(source)["a"] == ("cancelled", "vanished")
    work_off()
    assert standing(source)["b"] == ("ingested", "applied")


def test_an_emptied_folder_deletes_nothing_without_a_persons_word(source, folder):
    write(folder, a="one")
    sync(source)
    (folder / "a").unlink()
    assert (sync(source).held, gone(source)) == (1, set())
    assert (sync(source, accept_deletions=True).gone, gone(source)) == (1, {"a"})


def test_a_missing_folder_deletes_nothing_and_says_so(source, folder):
    write(folder, a="one")
    sync(source)
    shutil.rmtree(folder)
    with pytest.raises(Gone):
        sync(source, accept_deletions=True)
    source.refresh_from_db()
    assert "not there" in source.last_error
    assert gone(source) == set()


@pytest.mark.parametrize(("absent", "held"), [(10, 0), (11, 11)])
def test_more_than_a_fifth_gone_at_once_waits_for_a_persons_word(source, folder, absent, held):
    write(folder, **{f"f{n}": f"text {n}" for n in range(50)})
    sync(source)
    for n in range(absent):
        (folder / f"f{n}").unlink()
    found = sync(source)
    assert (found.held, found.gone) == (held, absent - held)
    assert len(gone(source)) == absent - held


def test_what_goes_on_under_another_name_is_no_loss(source, folder):
    """A folder of many files is renamed; one of them did not come along, which is few enough to be believed."""
    write(folder, **{f"f{n}": f"text {n}" for n in range(50)})
    sync(source)
    for n in range(1, 50):
        (folder / f"f{n}").rename(folder / f"renamed{n}")
    (folder / "f0").unlink()
    found = sync(source)
    assert (found.held, found.gone) == (0, 50)


def test_a_newer_payload_ends_the_retries_of_the_one_before(source, folder):
    write(folder, a="is AWAY")
    sync(source)
    work_off()
    assert IngestRun.objects.get().status == "retry_wait"
    write(folder, a="is here now")
    sync(source)
    assert IngestRun.objects.get().status == "cancelled"
    work_off()
    assert sorted(Handoff.objects.values_list("status", "reason")) == [
        ("ingested", "applied"),
        ("superseded", "newer_payload"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_retry_that_is_dispatched_while_a_newer_payload_comes_in_keeps_its_handoff(source, folder, elsewhere, at):
    """Else the newer payload would run beside it, and the older one could be applied last."""
    write(folder, a="first is AWAY")
    sync(source)
    work_off()
    IngestRun.objects.update(next_attempt_at="2026-01-01T00:00Z")
    write(folder, a="second")
    syncing = []
    at("dispatch.before_commit", lambda: syncing.append(elsewhere(sync, source)))  # waits for the run's row

    assert dispatch.tick() == 1

    syncing[0].result(timeout=20)
    assert IngestRun.objects.get().status == "running"
    assert sorted(Handoff.objects.values_list("status", flat=True)) == ["ingesting", "pending"]
    assert dispatch.tick() == 0


@pytest.mark.django_db(transaction=True)
def test_a_source_is_synced_by_one_process_at_a_time(source, folder, elsewhere, at):
    write(folder, a="one")
    others = []
    at("sync.before_commit", lambda: others.append(elsewhere(sync, source)))
    sync(source)
    with pytest.raises(SyncBusy):
        others[0].result(timeout=20)


def test_names_that_no_encoding_knows_are_taken_and_found_again(source, folder):
    for name in (b"caf\xe9.md", b"100%.md", b"a\nb.md"):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118,PTH123  bytes, which Path refuses
            file.write(name)
        os.utime(file.name, ns=(10**9, 10**9))
    assert sync(source).new == 3
    assert sync(source).unchanged == 3
    work_off()
    assert {status for status, _ in standing(source).values()} == {"ingested"}


def test_a_file_that_is_being_ingested_while_it_goes_leaves_nothing(source, folder):
    write(folder, a="led_by: Acme > Ann [2011..]", b="other")
    sync(source)
    dispatch.tick()
    for flight in open_flights():
        fly(flight, until="apply")
    (folder / "a").unlink()
    sync(source)
    for flight in open_flights():
        fly(flight)
    work_off()
    assert not Fact.objects.filter(sys__upper_inf=True).exists()


@pytest.fixture
def mailroom(monkeypatch):
    monkeypatch.setitem(CONNECTORS, "mailroom", "tests.doubles.Mailroom")  # stands for a remote service
    return make_source(kind="mailroom", options={})


def test_a_key_that_is_refused_half_way_pauses_the_source_and_asks_for_nothing_more(mailroom, monkeypatch):
    monkeypatch.setattr(Mailroom, "answers", {"first": Auth(Reason.KEY_REFUSED), "second": Gone(Reason.VANISHED)})
    with pytest.raises(Auth):
        sync(mailroom)
    mailroom.refresh_from_db()
    assert (mailroom.paused, mailroom.last_error) == (True, "key_refused")
    assert not Reference.objects.exists()
    monkeypatch.setattr(Mailroom, "answers", {})
    resume(Source.objects.all(), by="ann")
    assert sync(mailroom).new == 2


def test_a_remote_side_that_asks_for_time_is_left_alone_for_so_long(mailroom, monkeypatch):
    busy = RateLimited(Reason.REMOTE_BUSY, retry_after=timedelta(minutes=5))
    monkeypatch.setattr(Mailroom, "answers", {"second": busy})
    with pytest.raises(RateLimited):
        sync(mailroom)
    [held] = Turn.objects.values_list("not_before", flat=True)
    assert held > datetime.now(UTC) + timedelta(minutes=4)
    mailroom.refresh_from_db()
    assert (mailroom.paused, mailroom.last_error) == (False, "remote_busy")
    assert not Reference.objects.filter(gone_at__isnull=False).exists()


@pytest.fixture
def ticker(monkeypatch):
    monkeypatch.setitem(CONNECTORS, "ticker", "tests.doubles.Ticker")  # stands for a remote service
    monkeypatch.setattr(Ticker, "changes", [(f"{n:02}", f"letter {n}") for n in range(20)])
    monkeypatch.setattr(Ticker, "away", set())
    monkeypatch.setattr(Ticker, "asked", [])
    monkeypatch.setattr(Ticker, "breaks_at", None)
    return make_source(kind="ticker", options={})


def cursor_of(source) -> dict[str, int]:
    source.refresh_from_db()
    return dict(source.cursor)


def test_a_listing_goes_on_where_the_last_one_ended_and_absence_means_nothing_to_it(ticker):
    assert sync(ticker).new == 20
    assert cursor_of(ticker) == {"position": 20}
    assert Reference.objects.filter(metadata={"from": "the ticker"}, media_type="text/plain").count() == 20
    Ticker.changes.append(("new", "a new letter"))
    second = sync(ticker)
    assert (second.listed, second.new, second.gone) == (1, 1, 0)
    assert Ticker.asked == [0, 20]


def test_the_cursor_waits_for_what_could_not_be_read(ticker):
    Ticker.away.add("07")
    first = sync(ticker)
    assert (first.new, first.left_behind, cursor_of(ticker)) == (19, 1, {})
    Ticker.away.clear()
    second = sync(ticker)
    assert (second.listed, second.unchanged, second.new, cursor_of(ticker)) == (20, 19, 1, {"position": 20})


def test_a_tombstone_retires_its_item_and_too_many_wait_with_the_cursor_for_a_persons_word(ticker):
    sync(ticker)
    Ticker.changes.append(("03", None))
    assert (sync(ticker).gone, gone(ticker)) == (1, {"03"})
    Ticker.changes += [(f"{n:02}", None) for n in range(4, 17)]
    assert (sync(ticker).held, gone(ticker), cursor_of(ticker)) == (13, {"03"}, {"position": 21})
    assert ticker.deletions_held == 13
    assert sync(ticker, accept_deletions=True).gone == 13
    assert (cursor_of(ticker), ticker.deletions_held) == ({"position": 34}, 0)


def test_a_listing_that_breaks_off_stands_as_far_as_its_last_checkpoint(ticker, monkeypatch):
    monkeypatch.setattr(Ticker, "breaks_at", 7)
    with pytest.raises(RateLimited):
        sync(ticker)
    assert (Reference.objects.count(), cursor_of(ticker)) == (7, {"position": 7})
    monkeypatch.setattr(Ticker, "breaks_at", None)
    assert sync(ticker).new == 13
    assert Ticker.asked == [0, 7]


@pytest.mark.parametrize("said", [("03", None), ScopeComplete(20)], ids=["a tombstone", "a scope"])
def test_what_is_said_to_be_gone_is_not_lost_when_the_listing_breaks_off_behind_it(ticker, monkeypatch, said):
    sync(ticker)
    if isinstance(said, ScopeComplete):
        Source.objects.update(cursor={})
        Ticker.changes[3] = ("new", "a new letter")
    begin = cursor_of(ticker)
    Ticker.changes += [said, ("newer", "a newer letter"), ("newest", "the newest letter")]
    monkeypatch.setattr(Ticker, "breaks_at", 22)
    with pytest.raises(RateLimited):
        sync(ticker)
    assert (gone(ticker), cursor_of(ticker)) == (set(), begin)
    monkeypatch.setattr(Ticker, "breaks_at", None)
    assert (sync(ticker).gone, gone(ticker), cursor_of(ticker)) == (1, {"03"}, {"position": 23})


def test_a_connector_is_told_what_will_be_read_of_a_page(ticker, monkeypatch):
    sync(ticker)
    told = []
    monkeypatch.setattr(Ticker, "expect", lambda _, names: told.extend(names), raising=False)
    Ticker.changes += [("04", "another letter"), ("new", "a new letter")]
    sync(ticker)
    assert sorted(told) == ["04", "new"]


def test_what_was_deleted_and_is_named_again_is_there(ticker):
    sync(ticker)
    Ticker.changes += [("03", None), ("03", "another letter")]
    assert (sync(ticker).gone, gone(ticker)) == (0, set())


def test_a_recheck_reads_what_an_equal_signature_does_not_prove(source, folder):
    write(folder, a="one", b="two")
    before = (folder / "a").stat()
    sync(source)
    (folder / "a").write_text("six")
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    Reference.objects.filter(external_id="a").update(seen_signature=signature_of(folder / "a"))
    assert sync(source).unchanged == 2
    assert sync(source, recheck=True).new == 1


def signature_of(file: Path) -> str:
    [listed] = [
        e for e in LocalFiles(str(file.parent)).list({}) if isinstance(e, Listed) and e.external_id == file.name
    ]
    return listed.signature


def test_a_file_that_was_written_a_moment_ago_is_looked_at_again(source, folder):
    write(folder, a="one")
    now = time.time_ns() // 10**9 * 10**9  # whole seconds, as old file systems keep them: a moment is two
    os.utime(folder / "a", ns=(now, now))
    sync(source)
    assert Reference.objects.get().seen_signature.endswith("~")
    os.utime(folder / "a", ns=(now, now - 10 * 10**9))
    assert not signature_of(folder / "a").endswith("~")
