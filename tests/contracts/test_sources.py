"""What every connector has to stand: a real peer of its kind, through real syncs."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import transaction

from handoffs import payloads, sealing
from handoffs.models import Handoff, Reference, Source
from ingestion import sync as syncing
from ingestion.connectors import CONNECTORS, PUSHED, connect
from ingestion.models import Turn
from ingestion.operating import resume
from ingestion.ports import Content, Cursor, Entry, SourcePort
from ingestion.sync import sync
from ledger.failures import Auth, Failure, Gone, RateLimited, Transient
from ledger.reasons import Reason
from patches.models import Fact
from tests.builders import make_source
from tests.contracts.worlds import WORLDS, world_of
from tests.contracts.worlds.world import ABILITIES, World
from tests.doubles import Moody
from tests.flying import work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models", "small_pages")]
PAGE = 3
ORCHARD = {"apple": "a red apple", "pear": "a green pear", "plum": "a blue plum", "quince": "a yellow quince"}
SAID = "led_by: Acme > Ann [2011..]"


@pytest.fixture(params=sorted(WORLDS), scope="module")
def peer(request, tmp_path_factory) -> Iterator[World]:
    peer = world_of(request.param)(tmp_path_factory.mktemp(request.param))
    yield peer
    peer.close()


@pytest.fixture
def world(request, peer) -> World:
    """The peer, emptied; a test that needs what its kind lacks says so, with the kind's own reason."""
    for mark in request.node.iter_markers("needs"):
        if why := peer.lacks.get(mark.args[0]):
            pytest.skip(f"{peer.kind}: {why}")
    peer.reset()
    return peer


@pytest.fixture
def source(world) -> Source:
    return register(world)


@pytest.fixture
def watched(monkeypatch) -> Callable[..., AbstractContextManager[None]]:
    """Have a deed done before each entry (by its number) or each read (by the item's name)."""

    @contextmanager
    def watching(**deeds: Callable[[Any], object]) -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(syncing, "connect", lambda *made_of: Watched(connect(*made_of), **deeds))
            yield

    return watching


@pytest.fixture
def small_pages(monkeypatch) -> None:
    monkeypatch.setattr(syncing, "LISTED_AT_ONCE", PAGE)
    monkeypatch.setattr(syncing, "TAKEN_AT_ONCE", PAGE - 1)


class Watched:
    """A connector, with a deed done before an entry or before a read; what it answers is its own."""

    def __init__(
        self,
        port: SourcePort,
        before_entry: Callable[[int], object] = lambda n: n,
        before_read: Callable[[str], object] = lambda name: name,
    ) -> None:
        self.port, self.before_entry, self.before_read = port, before_entry, before_read

    def check(self) -> str:
        return self.port.check()

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        n = 0
        for n, entry in enumerate(self.port.list(cursor)):
            self.before_entry(n)
            yield entry
        self.before_entry(n + 1)

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        self.before_read(external_id)
        return self.port.read(external_id, limit_bytes=limit_bytes)


def register(world: World) -> Source:
    source = make_source(kind=world.kind, options=world.options())
    with transaction.atomic():
        sealing.keep(source, world.secrets(), by="ann")
    return source


def port_of(source: Source) -> SourcePort:
    return connect(source.kind, source.options, sealing.reveal(source.pk))


def put(world: World, **texts: str) -> None:
    for name, text in texts.items():
        world.put(name, text)


def live(source: Source) -> dict[str, str]:
    """The bytes of each reference that is not gone, as text."""
    found = Reference.objects.filter(source=source, gone_at=None).exclude(seen_payload=None)
    return {r.external_id: payloads.get(r.seen_payload_id).decode("utf-8", "replace") for r in found}


def gone(source: Source) -> int:
    return Reference.objects.filter(source=source).exclude(gone_at=None).count()


def assert_holds(world: World, source: Source, **texts: str) -> None:
    """The ledger has the items with these texts and no others, each taken in once."""
    found = live(source)
    assert set(found) - world.others() == {world.external_id(name) for name in texts}
    assert [name for name, text in texts.items() if text not in found[world.external_id(name)]] == []


def facts() -> int:
    return Fact.objects.filter(sys__upper_inf=True).count()


def test_every_kind_has_a_world_and_says_why_it_lacks_what_it_lacks():
    worlds = [world_of(name) for name in WORLDS]
    assert {PUSHED, *(world.kind for world in worlds)} == set(CONNECTORS)
    for world in worlds:
        assert set(world.lacks) <= ABILITIES
        assert all(world.lacks.values())


def test_a_first_sync_takes_in_all_there_is_and_a_second_finds_no_change(world, source):
    put(world, **ORCHARD)
    first = sync(source)
    assert (first.refused.total(), first.left_behind, first.gone) == (0, 0, 0)
    assert_holds(world, source, **ORCHARD)
    made = Handoff.objects.count()

    second = sync(source)
    assert (second.new, second.reopened, second.touched, second.gone, second.held) == (0, 0, 0, 0, 0)
    assert Handoff.objects.count() == made


def test_a_source_of_nothing_is_no_failure(world, source):
    sync(source)
    assert (set(live(source)) - world.others(), gone(source)) == (set(), 0)
    put(world, apple="a red apple")
    sync(source)
    assert_holds(world, source, apple="a red apple")


def test_a_change_takes_the_place_of_what_was_there(world, source):
    put(world, **ORCHARD)
    sync(source)
    put(world, pear="a ripe pear", medlar="a brown medlar")
    sync(source)
    assert_holds(world, source, **ORCHARD | {"pear": "a ripe pear", "medlar": "a brown medlar"})


def test_what_is_deleted_is_retired_with_what_it_said_and_what_is_restored_is_back(world, source):
    put(world, **ORCHARD, fig=SAID)
    sync(source)
    work_off()
    assert facts() == 1

    world.delete("fig")
    assert sync(source).gone == 1
    work_off()
    assert facts() == 0
    assert_holds(world, source, **ORCHARD)

    put(world, fig=SAID)
    sync(source)
    work_off()
    assert facts() == 1
    assert_holds(world, source, **ORCHARD, fig=SAID)


def test_all_gone_at_once_waits_for_a_persons_word(world, source):
    put(world, **ORCHARD)
    sync(source)
    before = live(source)
    for name in ORCHARD:
        world.delete(name)
    if not world.others():
        assert sync(source).held == len(ORCHARD)
        assert live(source) == before
    sync(source, accept_deletions=True)
    assert_holds(world, source)


@pytest.mark.needs("rename")
def test_a_new_name_costs_no_model_work_and_takes_nothing_back(world, source, models: Moody):
    put(world, **ORCHARD, fig=SAID)
    sync(source)
    work_off()
    read = len(models.seen)

    world.rename("fig", "date")
    sync(source)
    work_off()
    assert (len(models.seen), facts()) == (read, 1)
    assert_holds(world, source, **ORCHARD, date=SAID)


def test_items_that_no_clock_tells_apart_are_all_taken_in(world, source):
    first = {f"n{n}": f"leaf number {n}." for n in range(2 * PAGE + 1)}
    world.put_at_once(first)
    sync(source)
    assert_holds(world, source, **first)
    late = {"late1": "a leaf of the same moment", "late2": "another leaf of the same moment"}
    world.put_at_once(late)
    sync(source)
    assert_holds(world, source, **first, **late)


def test_names_of_any_script_are_kept_apart_and_found_again(world, source):
    names = {
        "naïve": "one",
        "nai\u0308ve": "two",
        "日本 語": "three",
        "100%": "four",
        "a+b&c": "five",
        "%41": "six",
        "A": "seven",
    }
    texts = {name: f"the word {text}." for name, text in names.items()}
    for name, text in texts.items():
        world.put(name, text)
    sync(source)
    assert_holds(world, source, **texts)
    assert sync(source).new == 0


def test_a_sync_that_breaks_off_at_any_entry_is_resumed_without_loss(world, watched):
    put(world, **ORCHARD, fig="a purple fig")
    for stop in count():
        source, entries = register(world), []

        def breaks(n: int, stop: int = stop, entries: list[int] = entries) -> None:
            entries.append(n)
            if n == stop:
                raise Transient(Reason.REMOTE_UNAVAILABLE)

        with watched(before_entry=breaks), suppress(Transient):
            sync(source)
        assert gone(source) == 0
        sync(source)
        assert_holds(world, source, **ORCHARD, fig="a purple fig")
        assert set(Handoff.objects.filter(source=source).values_list("opened", flat=True)) == {1}
        if stop not in entries:
            break


def test_an_item_that_vanishes_between_listing_and_reading_ends_quietly(world, source, watched):
    put(world, **ORCHARD)
    meant = world.external_id("pear")

    def pick(name: str) -> None:
        if name == meant:
            world.delete("pear")

    with watched(before_read=pick):
        found = sync(source)
    assert (found.refused.total(), found.gone) == (0, 0)
    sync(source)
    assert_holds(world, source, **{name: text for name, text in ORCHARD.items() if name != "pear"})


def test_an_item_that_changes_between_listing_and_reading_is_taken_in_as_it_is(world, source, watched):
    put(world, **ORCHARD)
    meant, ripe = world.external_id("pear"), []

    def ripen(name: str) -> None:
        if name == meant and not ripe:
            ripe.append(name)
            world.put("pear", "a ripe pear")

    with watched(before_read=ripen):
        sync(source)
    sync(source)
    assert_holds(world, source, **ORCHARD | {"pear": "a ripe pear"})


def test_a_huge_item_is_refused_once_and_the_others_are_taken_in(world, source, settings):
    settings.SIZE_LIMIT_BYTES = 20_000
    put(world, **ORCHARD, pumpkin="a very large pumpkin. " * 2_000)
    assert sync(source).refused == {Reason.TOO_LARGE: 1}
    assert_holds(world, source, **ORCHARD)
    assert Reference.objects.get(source=source, external_id=world.external_id("pumpkin")).reason == "too_large"
    assert sync(source).refused.total() == 0


def test_a_peer_that_is_away_takes_nothing_with_it_and_the_source_says_so(world, source):
    put(world, **ORCHARD)
    sync(source)
    with world.away():
        with pytest.raises(Failure) as failure:
            sync(source, accept_deletions=True)
        with pytest.raises(type(failure.value)):
            port_of(source).check()
    assert isinstance(failure.value, Gone | Transient)
    source.refresh_from_db()
    assert (source.last_error, source.paused) == (str(failure.value), False)
    assert_holds(world, source, **ORCHARD)
    again = sync(source)
    assert (again.new, again.reopened, again.gone) == (0, 0, 0)
    source.refresh_from_db()
    assert source.last_error == ""


@pytest.mark.needs("connection")
def test_a_connection_cut_in_any_answer_loses_and_retires_nothing(world):
    put(world, **ORCHARD)
    for exchange in count():
        source = register(world)
        with world.cut_at(exchange) as cut:
            try:
                assert sync(source).left_behind or not cut.happened
            except Transient as failure:
                source.refresh_from_db()
                assert source.last_error == str(failure)
        assert (gone(source), source.paused) == (0, False)
        sync(source)
        assert_holds(world, source, **ORCHARD)
        if not cut.happened:
            break
    assert exchange > 0


@pytest.mark.needs("credentials")
def test_a_key_that_is_refused_pauses_the_source_until_a_person_mends_it(world, source):
    put(world, **ORCHARD)
    sync(source)
    put(world, fig="a purple fig")
    with world.refusing():
        with pytest.raises(Auth):
            port_of(source).check()
        with pytest.raises(Auth) as failure:
            sync(source)
    source.refresh_from_db()
    assert (source.paused, source.last_error) == (True, str(failure.value))
    assert_holds(world, source, **ORCHARD)
    resume(Source.objects.filter(pk=source.pk), by="ann")
    sync(source)
    assert_holds(world, source, **ORCHARD, fig="a purple fig")


@pytest.mark.needs("rate limit")
def test_a_peer_that_asks_for_time_is_left_alone_for_so_long(world, source):
    put(world, **ORCHARD)
    sync(source)
    with world.busy() as seconds, pytest.raises(RateLimited):
        sync(source)
    [held] = Turn.objects.filter(source=source).values_list("not_before", flat=True)
    assert timedelta(0) <= timedelta(seconds=seconds) - (held - datetime.now(UTC)) < timedelta(seconds=30)
    assert_holds(world, source, **ORCHARD)


def test_check_says_on_one_line_what_it_found(world, source):
    put(world, **ORCHARD)
    said = port_of(source).check()
    assert said
    assert "\n" not in said


@pytest.mark.needs("credentials")
def test_a_secret_is_shown_nowhere(world, source, caplog):
    put(world, **ORCHARD)
    port = port_of(source)
    shown = [repr(port), port.check()]
    sync(source)
    for trouble in (world.away, world.refusing):
        with trouble(), pytest.raises(Failure) as failure:
            sync(source)
        shown += [str(failure.value), *traceback.format_exception(failure.value)]
    source.refresh_from_db()
    shown += [source.last_error, source.paused_why, str(source.cursor), caplog.text]
    assert [secret for secret in world.secrets().values() for text in shown if secret in text] == []
