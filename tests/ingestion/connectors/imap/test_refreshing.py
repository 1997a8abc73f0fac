"""Tokens that are asked for with a refresh token, of a token endpoint, and taken by a real mail server."""

import traceback
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from handoffs import sealing
from handoffs.models import Source
from ingestion import enrolling
from ingestion.connectors.imap import refreshing
from ingestion.connectors.imap.mailbox import Imap
from ingestion.operating import resume
from ingestion.sync import sync
from ledger.failures import Auth, Failure, RateLimited, Transient
from ledger.reasons import Reason
from tests.builders import make_source
from tests.peers.authority import Authority, told
from tests.peers.http import Answer

KEY = "refresh-of-ann"


@pytest.fixture
def authority(world) -> Iterator[Authority]:
    authority = Authority(world.tokens)
    authority.users[KEY] = world.user
    refreshing.GIVEN.clear()
    yield authority
    authority.peer.close()


def options(world, authority: Authority) -> dict:
    return {**world.options(), "token_url": authority.url, "client_id": authority.client[0], "scope": "mail"}


def port(world, authority: Authority, **other) -> Imap:
    secrets = {"refresh_token": KEY, "client_secret": authority.client[1]}
    return Imap(**{**options(world, authority), **secrets, **other})


@pytest.fixture
def source(world, authority) -> Source:
    source = make_source(kind="imap", options=options(world, authority))
    with transaction.atomic():
        sealing.keep(source, {"refresh_token": KEY, "client_secret": authority.client[1]}, by="ann")
    return source


def test_a_token_is_asked_for_once_until_it_ends(world, authority):
    assert port(world, authority).check()
    assert port(world, authority).check()
    assert len(authority.peer.asked) == 1
    authority.lasts_s = refreshing.SPARE_S - 1
    refreshing.GIVEN.clear()
    for _ in range(2):
        assert port(world, authority).check()
    assert len(authority.peer.asked) == 3


def test_a_token_that_is_taken_no_more_is_replaced_by_a_new_one_once(world, authority):
    assert port(world, authority).check()
    world.tokens.clear()
    assert port(world, authority).check()
    assert len(authority.peer.asked) == 2
    world.tokens.clear()
    authority.tokens = type(world.tokens)()  # from now on it gives tokens that the mail server does not know
    try:
        with pytest.raises(Auth) as failure:
            port(world, authority).check()
    finally:
        authority.tokens.close()
    assert failure.value.reason == Reason.KEY_REFUSED
    assert len(authority.peer.asked) == 3


def test_an_app_without_a_secret_says_who_it_is(world, authority):
    authority.client = ("our app", "")
    assert port(world, authority, client_secret="").check()


@pytest.mark.parametrize(
    ("answer", "failure", "says"),
    [
        (told(400, error="invalid_grant"), Auth, "sign in anew"),
        (told(401, error="invalid_client"), Auth, "client_secret"),
        (told(400, error="a word of its own: " + KEY), Auth, "answered 400"),
        (Answer(404, b"<html>"), Auth, "token_url"),
        (Answer(302, b"", {"Location": "http://192.0.2.1/"}), Auth, "answered 302"),
        (Answer(429, b"", {"Retry-After": "77"}), RateLimited, ""),
        (Answer(503, b""), Transient, "503"),
        (Answer(200, b"<html>"), Transient, "no token"),
        (told(200, access_token="x", token_type="mac"), Transient, "no token"),  # noqa: S106  none
    ],
)
def test_every_refusal_ends_in_its_class_and_repeats_nothing_private(world, authority, answer, failure, says):
    with authority.peer.answering(lambda _: answer), pytest.raises(failure) as seen:
        port(world, authority).check()
    assert type(seen.value) is failure
    assert says in seen.value.detail
    assert KEY not in "".join(traceback.format_exception(seen.value))
    if isinstance(seen.value, RateLimited):
        assert seen.value.retry_after == timedelta(seconds=77)
    assert len(authority.peer.asked) == 1


def test_an_endpoint_that_is_away_is_not_called_for_every_item(world, authority):
    reader = port(world, authority)
    with authority.peer.away():
        for _ in range(3):
            with pytest.raises(Transient):
                reader.check()
    assert len(authority.peer.asked) <= 2  # httpx may try a connection that it kept


@pytest.mark.django_db
def test_a_refresh_token_that_ended_pauses_the_source_with_the_remedy(world, authority, source):
    world.put("a", "one")
    sync(source)
    authority.users.clear()
    refreshing.GIVEN.clear()
    with pytest.raises(Auth):
        sync(source)
    source.refresh_from_db()
    assert source.paused
    assert "set the refresh_token" in source.last_error
    authority.users["refresh-anew"] = world.user
    with transaction.atomic():
        sealing.keep(source, {"refresh_token": "refresh-anew"}, by="ann")
    resume(Source.objects.filter(pk=source.pk), by="ann")
    world.put("b", "two")
    assert sync(source).new == 1


@pytest.mark.django_db
def test_a_refresh_token_that_is_replaced_is_sealed_in_its_place(world, authority, source):
    authority.rotates = True
    world.put("a", "one")
    sync(source)
    fresh = sealing.reveal(source.pk)["refresh_token"]
    assert fresh in authority.users
    refreshing.GIVEN.clear()
    [tried] = enrolling.check(Source.objects.filter(pk=source.pk))
    assert tried.ok
    refreshing.GIVEN.clear()
    world.put("b", "two")
    assert sync(source).new == 1
    assert sealing.reveal(source.pk)["refresh_token"] in authority.users


@pytest.mark.django_db
def test_one_that_is_replaced_is_kept_though_the_sync_fails(world, authority, source):
    authority.rotates = True
    with world.away(), pytest.raises(Failure):
        sync(source)
    assert sealing.reveal(source.pk)["refresh_token"] in authority.users


def test_nothing_shows_a_secret(world, authority):
    made = port(world, authority)
    made.check()
    shown = f"{made!r} {made.refresher!r} {made.account!r}"
    assert [word for word in (KEY, authority.client[1], "access-") if word in shown] == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"token_url": ""}, "needs token_url"),
        ({"client_id": ""}, "client_id"),
        ({"token_url": "http://login.example.org/token"}, "https"),
        ({"token_url": "login.example.org"}, "https"),
    ],
)
def test_options_that_no_token_can_be_asked_for_with_are_refused(world, authority, wrong, says):
    with pytest.raises(ValueError, match=says):
        port(world, authority, **wrong)
