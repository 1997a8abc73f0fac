"""Messages and their attachments, read as they are and left as they were."""

from email.message import EmailMessage

import pytest

from ingestion.connectors.imap import mailbox
from ingestion.ports import ScopeComplete, Unlisted
from ledger.failures import Gone, Malformed, Transient
from ledger.reasons import Reason
from tests.contracts.worlds.imap import letter
from tests.ingestion.connectors.imap.asking import LIMIT, WORDS, names, port
from tests.reading import files


def test_no_flag_is_ever_set(world):
    world.put_at_once(WORDS)
    reader = port(world)
    for name in names(reader.list({})):
        reader.read(name, limit_bytes=LIMIT)
    said = world.ask(world.wire.uid("FETCH", "1:*", "(FLAGS)"))
    assert b"Seen" not in said
    assert not {word.split()[0] for word in world.relay.asked} & {"SELECT", "STORE", "APPEND", "EXPUNGE"}
    assert not any("STORE" in word or "EXPUNGE" in word for word in world.relay.asked)
    assert b"BODY.PEEK[" in world.relay.heard
    assert b"BODY[" not in world.relay.heard


def test_flags_that_the_server_tells_unasked_hide_nothing(world):
    world.append("a", with_attachments())
    world.put_at_once(WORDS)
    first = names(port(world).list({}))
    flagged = b"* 1 FETCH (FLAGS (\\Seen) UID 1)\r\n"
    hears = {b"* 1 FETCH (": flagged + b"* 1 FETCH (", b"* 2 FETCH (": flagged + b"* 2 FETCH ("}
    with world.relay.hearing(hears):
        reader = port(world)
        assert names(reader.list({})) == first
        reader.expect(first)
        assert all(reader.read(name, limit_bytes=LIMIT).data for name in first)


def test_a_message_that_the_server_has_and_does_not_give_is_not_gone(world):
    world.put("a", "one")
    for instead in (b"BODX[]", b"BODX[1]"):
        with world.relay.hearing({instead.replace(b"BODX", b"BODY"): instead}), pytest.raises(Transient):
            port(world).read(world.external_id("a") + ("/attachment/1" if b"1" in instead else ""), limit_bytes=LIMIT)


def test_a_message_of_another_uidvalidity_is_gone(world):
    world.put("a", "one")
    folder, uidvalidity, uid = world.places["a"]
    other = str(int(uidvalidity) + 1)
    for name in (f"{folder}/{other}/{uid}", f"{folder}/{uidvalidity}/99"):
        with pytest.raises(Gone):
            port(world).read(name, limit_bytes=LIMIT)
    with pytest.raises(Transient):  # the server does not say why; the next listing will
        port(world).read(f"Nowhere/{uidvalidity}/{uid}", limit_bytes=LIMIT)


def with_attachments() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Ann Lee <ann@example.org>", "Plans"
    message.set_content("See the plans.")
    message.add_alternative("<p>See the plans.</p>", subtype="html")
    message.add_attachment(files.pdf("A plan"), maintype="application", subtype="pdf", filename="Größe.pdf")
    message.add_attachment("plain words\n" * 3, filename="notes.txt", cte="quoted-printable")
    message.add_attachment(b"\x89PNG\r\n\x1a\n", maintype="image", subtype="png", filename="pump.png")
    inner = EmailMessage()
    inner["Subject"], inner["From"] = "Inner", "Bo Ek <bo@example.org>"
    inner.set_content("A forwarded letter.")
    message.add_attachment(inner)
    return message.as_bytes()


def test_attachments_are_items_of_their_own(world):
    world.append("a", with_attachments())
    whole = world.external_id("a")
    reader = port(world)
    told = list(reader.list({}))
    assert names(told) == [whole, f"{whole}/attachment/2", f"{whole}/attachment/3", f"{whole}/attachment/5"]
    assert [e for e in told if isinstance(e, Unlisted)] == [Unlisted(f"{whole}/attachment/4", Reason.UNSUPPORTED_TYPE)]
    plan, notes, inner = (reader.read(name, limit_bytes=LIMIT) for name in names(told)[1:])
    assert (plan.data, plan.media_type) == (files.pdf("A plan"), "application/pdf")
    assert dict(plan.metadata) == {"folder": "INBOX", "part_of": whole, "path": "Größe.pdf"}
    assert (notes.data.decode().split("\n")[0].strip(), notes.metadata["path"]) == ("plain words", "notes.txt")
    assert (b"Subject: Inner" in inner.data, inner.media_type) == (True, "message/rfc822")
    assert names(port(world, attachments=False).list({})) == [whole]


def test_attachments_that_are_wanted_from_now_on_are_listed_and_others_go(world):
    world.append("a", with_attachments())
    without = list(port(world, attachments=False).list({}))
    more = list(port(world).list(without[-1].cursor))
    assert (len(names(without)), len(names(more))) == (1, 4)
    again = list(port(world, attachments=False).list(more[-1].cursor))
    assert sum(entry.count for entry in again if isinstance(entry, ScopeComplete)) == 1
    assert names(port(world, attachments=False).list(again[-1].cursor)) == []


def test_a_message_that_is_nothing_but_a_file_is_both(world):
    message = EmailMessage()
    message["Subject"] = "Scan"
    message.set_content(files.pdf("A plan"), maintype="application", subtype="pdf", filename="scan.pdf")
    world.append("a", message.as_bytes())
    _, attached = names(port(world).list({}))
    assert port(world).read(attached, limit_bytes=LIMIT).data == files.pdf("A plan")
    with pytest.raises(Malformed) as failure:
        port(world).read(attached, limit_bytes=100)
    assert failure.value.reason == Reason.TOO_LARGE


def test_what_a_message_says_of_itself_is_kept_with_it(world):
    world.append("a", letter("Grüße", "hello", Message_ID="<2@x>", References="<1@x> <0@x>"))
    said = port(world).read(world.external_id("a"), limit_bytes=LIMIT)
    assert dict(said.metadata) == {
        "folder": "INBOX",
        "from": "Ann Lee <ann@example.org>",
        "to": "Bo Ek <bo@example.org>",
        "subject": "Grüße",
        "date": "2024-05-02T10:15:00+02:00",
        "message_id": "<2@x>",
        "thread": "<1@x>",
    }


def test_messages_that_are_read_next_come_along_within_bounds(world, monkeypatch):
    monkeypatch.setattr(mailbox, "AHEAD", 3)
    world.put_at_once(WORDS)
    reader = port(world)
    expected = names(reader.list({}))
    reader.expect(expected)
    world.relay.asked.clear()
    assert all(b"letter number" in reader.read(name, limit_bytes=LIMIT).data for name in expected)
    assert world.relay.asked.count("UID FETCH") == 2
    with pytest.raises(Malformed):
        reader.read(expected[0], limit_bytes=10)


def test_a_read_whose_connection_is_lost_leaves_the_next_one_its_own(world):
    world.put_at_once(WORDS)
    reader = port(world)
    first, second, *_ = names(reader.list({}))
    with world.relay.cutting(0), pytest.raises(Transient):
        reader.read(first, limit_bytes=LIMIT)
    assert b"number 1" in reader.read(second, limit_bytes=LIMIT).data


def test_a_server_that_is_away_is_not_called_for_every_item(world):
    world.put_at_once(WORDS)
    reader = port(world)
    items = names(reader.list({}))
    with world.relay.away():
        for name in items:
            with pytest.raises(Transient):
                reader.read(name, limit_bytes=LIMIT)
        assert reader.lost
