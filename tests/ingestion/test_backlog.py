"""Above the high-water mark sync pauses, until there is room or it is clear that nobody makes any."""

import pytest

from handoffs.models import Handoff, Source
from ingestion import backlog, sync
from ingestion.ingesting import register
from ledger.failures import Transient
from tests.builders import make_handoff, make_source

pytestmark = pytest.mark.django_db


def drain(count: int) -> None:
    going = Handoff.objects.filter(status="pending").order_by("pk")[:count]
    Handoff.objects.filter(pk__in=[handoff.pk for handoff in going]).update(status="queued")


def test_below_the_mark_nobody_waits(settings):
    settings.BACKLOG = 3
    for _ in range(2):
        make_handoff()
    backlog.await_room(lambda: pytest.fail("there was room"))


def test_above_the_mark_one_waits_until_it_is_down_at_four_fifths(settings):
    settings.BACKLOG = 10
    for _ in range(12):
        make_handoff()
    assert backlog.high()
    backlog.await_room(lambda: drain(1))
    assert Handoff.objects.filter(status="pending").count() == 8


def test_what_a_paused_source_has_waiting_holds_up_nobody(settings):
    settings.BACKLOG = 2
    source = make_source(paused=True)
    for _ in range(3):
        make_handoff(source=source)
    assert not backlog.high()


def test_a_backlog_that_nobody_takes_from_ends_the_wait_and_says_so(settings):
    settings.BACKLOG = 2
    for _ in range(2):
        make_handoff()
    with pytest.raises(Transient, match="2 handoffs wait and none was taken"):
        backlog.await_room(lambda: None, stall_s=0.5)


@pytest.fixture
def folder(tmp_path):
    for n in range(9):
        (tmp_path / f"{n}.md").write_text(f"text {n}")
    return tmp_path


def test_sync_goes_on_when_there_is_room_again(folder, settings, monkeypatch):
    monkeypatch.setattr(sync, "TAKEN_AT_ONCE", 3)
    settings.BACKLOG = 3
    source = register("main", "local_files", "folder", {"root": str(folder)})
    highest = []

    def meanwhile(_):
        highest.append(Handoff.objects.filter(status="pending").count())
        drain(1)

    assert sync.sync(source, progress=meanwhile).new == 9
    assert max(highest) <= 5
    assert Handoff.objects.count() == 9


def test_a_sync_that_nobody_makes_room_for_ends_and_the_next_one_goes_on(folder, settings, monkeypatch):
    monkeypatch.setattr(sync, "TAKEN_AT_ONCE", 3)
    monkeypatch.setattr(backlog.await_room, "__kwdefaults__", {"stall_s": 0.3})
    settings.BACKLOG = 3
    source = register("main", "local_files", "folder", {"root": str(folder)})
    with pytest.raises(Transient, match="backlog"):
        sync.sync(source)
    assert "backlog" in Source.objects.get(pk=source.pk).last_error
    assert Handoff.objects.count() == 3
    settings.BACKLOG = 100
    assert sync.sync(source).new == 6
