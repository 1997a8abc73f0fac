"""Mailboxes on a real server: what came, what went, and what is only said to have gone."""

import pytest

from handoffs.models import Reference
from ingestion.connectors.imap import mailbox
from ingestion.connectors.imap.folders import decoded, encoded
from ingestion.ports import Listed, ScopeComplete, Tombstone
from ingestion.sync import sync
from ledger.failures import Transient
from tests.contracts.worlds.imap import letter
from tests.doubles import Moody
from tests.flying import work_off
from tests.ingestion.connectors.imap.asking import LIMIT, WORDS, after, names, port


def test_a_mailbox_without_a_change_takes_three_round_trips_whatever_its_size(world):
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.relay.asked.clear()
    assert names(port(world).list(cursor)) == []
    assert world.relay.asked == ["CAPABILITY", "LOGIN", "LIST"]


def test_one_new_message_is_described_alone_and_a_read_flag_is_no_change(world):
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.ask(world.wire.uid("STORE", "1", "+FLAGS", r"(\Seen)"))
    world.put("new", "a new letter")
    assert names(port(world).list(cursor)) == [world.external_id("new")]


@pytest.mark.parametrize("lacking", ["", "QRESYNC", "CONDSTORE QRESYNC", "LIST-STATUS", "ESEARCH CONDSTORE QRESYNC"])
@pytest.mark.parametrize("page", [2, 1000])
def test_servers_that_can_do_less_are_told_the_same(world, monkeypatch, lacking, page):
    monkeypatch.setattr(mailbox, "AT_ONCE", page)
    monkeypatch.setattr(mailbox, "SEARCHED", page)
    world.put_at_once(WORDS)
    with world.relay.hearing({b" " + word.encode(): b"" for word in lacking.split()}):
        first = list(port(world).list({}))
        assert names(first) == [world.external_id(name) for name in WORDS]
        gone, stays = world.external_id("n1"), [world.external_id(name) for name in ("n0", "n2", "n3", "n4")]
        world.delete("n1")
        world.put("new", "a new letter")
        second = list(port(world).list(after(first)))
    new = world.external_id("new")
    if "QRESYNC" in lacking:
        assert names(second) == [*stays, new]
        assert ScopeComplete(5, below="INBOX/") in second
    else:
        assert names(second) == [new]
        assert Tombstone(gone) in second
        assert ScopeComplete(1, below=f"{gone}/attachment/") in second


def test_many_deletions_are_told_by_listing_the_folder(world, monkeypatch):
    monkeypatch.setattr(mailbox, "FEW", 1)
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.delete("n0")
    world.delete("n1")
    told = list(port(world).list(cursor))
    assert names(told) == [world.external_id(name) for name in ("n2", "n3", "n4")]
    assert ScopeComplete(3, below="INBOX/") in told


def test_a_deletion_that_the_server_does_not_name_is_found_by_listing_the_folder(world):
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.delete("n1")
    with world.relay.hearing({b"* VANISHED (EARLIER) ": b"* OK "}):
        told = list(port(world).list(cursor))
    assert names(told) == [world.external_id(name) for name in ("n0", "n2", "n3", "n4")]
    assert ScopeComplete(4, below="INBOX/") in told


def test_a_message_that_the_server_counts_and_does_not_describe_is_not_gone(world):
    world.put_at_once(WORDS)
    with world.relay.hearing({b"MESSAGES 5": b"MESSAGES 6"}):
        first = list(port(world).list({}))
    assert (len(names(first)), [entry for entry in first if entry == ScopeComplete(5, below="INBOX/")]) == (5, [])
    second = list(port(world).list(after(first)))
    assert ScopeComplete(5, below="INBOX/") in second
    assert names(port(world).list(after(second))) == []


def test_a_folder_whose_state_is_not_told_with_the_others_is_asked_for_it(world):
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.relay.asked.clear()
    with world.relay.asking({b" RETURN (SPECIAL-USE STATUS (UIDVALIDITY UIDNEXT MESSAGES HIGHESTMODSEQ))": b""}):
        told = list(port(world).list(cursor))
    assert world.relay.asked.count("STATUS") == 2
    assert not [entry for entry in told if isinstance(entry, Listed | ScopeComplete)]
    with world.relay.hearing({b"* STATUS Archive": b"* OK"}), pytest.raises(Transient):
        list(port(world).list(cursor))


def test_messages_that_come_in_while_a_folder_is_listed_are_for_the_next_time(world):
    world.put_at_once(WORDS)
    listing = port(world).list({})
    early = [next(listing), next(listing)]
    world.put("late", "a late letter")
    rest = list(listing)
    assert world.external_id("late") not in names([*early, *rest])
    assert names(port(world).list(after(rest))) == [world.external_id("late")]


def test_folders_are_taken_but_those_that_were_thrown_away(world):
    world.ask(world.wire.create(encoded("Büro Q&A \\ 100%")))
    world.append("a", letter("a", "one"), encoded("Büro Q&A \\ 100%"))
    world.append("b", letter("b", "two"), "Trash")
    [name] = names(port(world).list({}))
    assert name.startswith("Büro Q&A \\ 100%25/")
    assert b"one" in port(world).read(name, limit_bytes=LIMIT).data
    assert names(port(world, folders=["Tr*"]).list({})) == ["/".join(["Trash", *world.places["b"][1:]])]


@pytest.mark.parametrize("name", ["INBOX", "Q&A", "&", "Büro", "日本語", 'a"b\\c', "a&-b", "💡 ideas", "100%"])
def test_every_folders_name_round_trips(name):
    quoted = encoded(name)
    assert quoted.isascii()
    assert decoded(quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\").encode()) == name


def test_a_folder_that_is_gone_takes_its_messages_with_it(world):
    world.put("a", "one")
    world.rename("a", "b")
    cursor = after(port(world).list({}))
    world.ask(world.wire.delete("Archive"))
    told = list(port(world).list(cursor))
    assert ScopeComplete(0, below="Archive/") in told
    assert "Archive" not in after(told)["folders"]


@pytest.mark.django_db
def test_uids_that_begin_anew_cost_no_model_work_and_retire_nothing_that_is_there(world, source, models: Moody):
    letters = {f"n{n}": f"letter {n} says something." for n in range(15)} | {"fig": "led_by: Acme > Ann [2011..]"}
    world.put_at_once(letters)
    sync(source)
    work_off()
    read, (_, uidvalidity, _) = len(models.seen), world.places["fig"]

    with world.relay.hearing({uidvalidity.encode(): b"7"}):
        found = sync(source)
        work_off()

    assert (found.new, found.gone, found.held, len(models.seen)) == (16, 16, 0, read)
    live = Reference.objects.filter(source=source, gone_at=None)
    assert {name.split("/")[1] for name in live.values_list("external_id", flat=True)} == {"7"}
