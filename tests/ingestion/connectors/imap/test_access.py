"""Who is let in, and what answers that make no sense do to us."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingestion.connectors.imap import session
from ingestion.ports import ScopeComplete, Tombstone
from ledger.failures import Auth, Failure, RateLimited, Timeout, Transient
from ledger.reasons import Reason
from tests.ingestion.connectors.imap.asking import LIMIT, WORDS, after, names, port


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"TAG NO [AUTHENTICATIONFAILED] no", Auth),
        (b"TAG NO [EXPIRED] no", Auth),
        (b"TAG NO you may not", Auth),
        (b"TAG NO [UNAVAILABLE] later", Transient),
        (b"TAG NO [LIMIT] later", RateLimited),
        (b"* BYE [UNAVAILABLE] down for the night", Transient),
        (b"* BYE", Transient),
        (b"nonsense", Transient),
        (b"TAG BAD what", Auth),
    ],
)
def test_a_login_that_fails_says_what_to_do(world, answer, failure):
    with world.relay.saying(LOGIN=answer), pytest.raises(Failure) as raised:
        port(world).check()
    assert type(raised.value) is failure


@pytest.mark.parametrize("command", ["LIST", "EXAMINE", "UID FETCH"])
@pytest.mark.parametrize(
    "answer",
    [
        b"TAG NO [SERVERBUG] oh",
        b"TAG BAD what",
        b"* BYE gone",
        b"* 1 FETCH (UID 1 BODYSTRUCTURE ((((",
        b"* STATUS INBOX (MESSAGES x)\r\nTAG OK",
        b"* 1 FETCH (UID 1 BODY[] {999999999}",
        b"\0\xff",
    ],
)
def test_no_answer_is_taken_for_an_empty_or_shorter_mailbox(world, monkeypatch, command, answer):
    monkeypatch.setattr(session, "TIMEOUT_S", 0.3)
    world.put_at_once(WORDS)
    cursor = after(port(world).list({}))
    world.put("new", "a new letter")
    told = []
    with world.relay.saying(**{command: answer}):
        try:
            told = list(port(world).list(cursor))
        except Transient:
            told = []
    assert not [entry for entry in told if isinstance(entry, Tombstone | ScopeComplete)]


def test_no_more_is_taken_of_a_server_than_was_asked_for(world, monkeypatch):
    monkeypatch.setattr(session, "TIMEOUT_S", 0.5)
    world.put("a", "one")
    with (
        world.relay.saying(**{"UID FETCH": b"* 1 FETCH (UID 1 BODY[] {999999999}"}),
        pytest.raises(Transient) as failure,
    ):
        port(world).read(world.external_id("a"), limit_bytes=LIMIT)
    assert type(failure.value) is Transient  # it was not waited for


def test_a_server_that_is_silent_is_given_up(world, monkeypatch):
    monkeypatch.setattr(session, "TIMEOUT_S", 0.2)
    with world.relay.saying(LIST=b""), pytest.raises(Timeout):
        port(world).check()


def test_a_certificate_that_proves_nothing_ends_it_before_the_password_is_sent(world):
    for options in ({"ca_file": ""}, {"host": "localhost"}, {"ca_file": "/nowhere"}):
        world.relay.asked.clear()
        with pytest.raises(Auth) as failure:
            port(world, **options).check()
        assert failure.value.reason == Reason.UNTRUSTED
        assert world.relay.asked == []


def test_starttls_is_asked_for_and_verified_and_never_done_without(world):
    plain = {"port": world.dovecot.port, "security": "starttls"}
    assert port(world, **plain).check()
    with pytest.raises(Auth):
        port(world, **plain, ca_file="").check()
    with pytest.raises(Auth):
        port(world, host="192.0.2.1", security="none").check()
    assert port(world, port=world.dovecot.port, security="none").check()


def test_a_server_without_starttls_does_not_get_to_hear_the_key(world):
    heard = []

    def serve() -> None:
        with listener.accept()[0] as client, client.makefile("rwb") as wire:
            wire.write(b"* OK hello\r\n")
            wire.flush()
            for line in wire:
                heard.append(line)
                wire.write(b"* CAPABILITY IMAP4rev1\r\n" + line.split()[0] + b" OK done\r\n")
                wire.flush()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        with pytest.raises(Auth) as failure:
            port(world, port=listener.getsockname()[1], security="starttls").check()
        served.result(timeout=10)
    assert failure.value.reason == Reason.UNTRUSTED
    assert {line.split()[1] for line in heard} <= {b"CAPABILITY", b"LOGOUT"}


def test_tls_of_the_server_itself_is_spoken(world):
    assert port(world, port=world.dovecot.tls_port).check().endswith("2 folders")


@pytest.mark.parametrize("options", [{"password": ""}, {"password": "a\r\nb"}, {"password": "wröng"}, {"user": ""}])
def test_a_key_that_cannot_be_right_is_refused(world, options):
    with pytest.raises(Auth):
        port(world, **options).check()


def test_a_token_lets_in_until_it_expires(world):
    fresh = {"token": "fresh"}
    world.tokens["fresh"] = world.user
    assert port(world, password="", **fresh).check()
    del world.tokens["fresh"]
    with pytest.raises(Auth) as failure:
        port(world, password="", **fresh).check()
    assert failure.value.reason == Reason.KEY_REFUSED


@pytest.mark.parametrize("wrong", [{"security": "ssl"}, {"attachments": "no"}, {"port": "imap"}])
def test_options_that_cannot_be_right_are_told_before_a_source_is_made(world, wrong):
    with pytest.raises(ValueError, match=r"tls, starttls, none|true or false|port: "):
        port(world, **wrong)


def test_options_may_be_texts_as_a_command_gives_them(world):
    world.put("a", "one")
    options = {"port": str(world.relay.port), "folders": "INB*"}
    assert names(port(world, **options).list({})) == [world.external_id("a")]
