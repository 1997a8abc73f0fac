"""What becomes of everything that a remote model can do wrong."""

import logging
from datetime import timedelta
from decimal import Decimal
from email.utils import formatdate
from itertools import count
from time import monotonic, time

import pytest
from pydantic import SecretStr

from ingestion.adapters import endpoint
from ingestion.adapters.endpoint import Endpoint
from ingestion.metering import Usage
from ledger.failures import Auth, Failure, Malformed, RateLimited, Timeout, Transient
from tests.model_server import KEY, Reply

GOOD = {"fine": True}


def asking(server, **more) -> Endpoint:
    given = {"url": server.url, "key": None, "timeout_s": 5.0, "concurrency": 3} | more
    return Endpoint(**given)


def failure_of(server, reply: Reply, **more) -> Failure:
    server.reply = lambda _: reply
    with pytest.raises(Failure) as caught:
        asking(server, **more).ask("embeddings", {"input": []})
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (401, "", Auth, "key_refused"),
        (403, "", Auth, "key_refused"),
        (404, "model_not_found", Auth, "request_refused"),
        (400, "", Auth, "request_refused"),
        (302, "", Auth, "request_refused"),
        (400, "context_length_exceeded", Malformed, "too_large"),
        (413, "", Malformed, "too_large"),
        (400, "content_filter", Malformed, "model_refused"),
        (408, "", Transient, "remote_unavailable"),
        (500, "", Transient, "remote_unavailable"),
        (503, "", Transient, "remote_unavailable"),
    ],
)
def test_a_status_says_what_to_do_next(server, status, code, kind, reason):
    failure = failure_of(server, Reply({"error": {"code": code, "message": "no"}}, status))

    assert (type(failure), failure.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("told", "least_s", "most_s"),
    [("7", 7, 7), ("0", 1, 1), ("-3", 1, 1), ("1e9", 3600, 3600), ("soon", 60, 60), ("nan", 60, 60), ("", 60, 60)],
)
def test_a_rate_limit_waits_as_long_as_was_asked_but_not_for_ever(server, told, least_s, most_s):
    failure = failure_of(server, Reply({}, 429, {"Retry-After": told}))

    assert isinstance(failure, RateLimited)
    assert least_s <= failure.retry_after.total_seconds() <= most_s


def test_a_rate_limit_may_name_a_time(server):
    failure = failure_of(server, Reply({}, 503, {"Retry-After": formatdate(time() + 90, usegmt=True)}))

    assert isinstance(failure, RateLimited)
    assert timedelta(seconds=80) < failure.retry_after <= timedelta(seconds=90)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"data": [{"emb', length=400),
        Reply(b'{"data": [{"emb'),
        Reply(b"[]"),
        Reply(b"\xff\xfe"),
        Reply(b"[" * 100_000),
        Reply(b""),
    ],
    ids=["cut off", "half a JSON", "no object", "no text", "nested", "empty"],
)
def test_an_answer_that_cannot_be_read_is_asked_for_again(server, reply):
    assert type(failure_of(server, reply)) is Transient


def test_an_answer_that_comes_in_drops_is_given_up_in_time(server):
    begun = monotonic()
    failure = failure_of(server, Reply({"x": "y" * 200}, pieces=200, pause_s=0.1), timeout_s=0.5)

    assert isinstance(failure, Timeout)
    assert monotonic() - begun < 5


def test_a_silent_server_is_given_up_in_time(server):
    server.reply = lambda _: server.over.wait(20) and Reply(GOOD)
    with pytest.raises(Timeout):
        asking(server, timeout_s=0.3).ask("embeddings", {})


def test_an_endless_answer_is_cut_off(server, monkeypatch):
    monkeypatch.setattr(endpoint, "ANSWER_BYTES", 1000)

    assert failure_of(server, Reply({"x": "y" * 2000})).reason == "bad_answer"


def test_nobody_there_is_no_reason_to_ask_a_hundred_times(server):
    dead = asking(server, url="http://127.0.0.1:9/v1", concurrency=1)
    tries = count()

    def ask_one(_: int) -> object:
        next(tries)
        return dead.ask("embeddings", {})

    answers = dead.each(ask_one, range(100))

    assert {type(answer) for answer in answers} == {Transient}
    assert next(tries) == 1


@pytest.mark.parametrize("status", [429, 401])
def test_who_is_asked_to_wait_or_refused_asks_no_more(server, status):
    server.reply = lambda asked: Reply(GOOD) if asked.question["n"] < 3 else Reply({}, status)
    port = asking(server, concurrency=1)

    answers = port.each(lambda n: port.ask("embeddings", {"n": n}), range(20))

    assert answers[:3] == [GOOD] * 3
    assert all(isinstance(answer, RateLimited | Auth) for answer in answers[3:])
    assert len(server.asked) == 4


def test_one_text_that_is_refused_is_that_texts_fault(server):
    server.reply = lambda asked: Reply({}, 400) if asked.question["n"] == 1 else Reply(GOOD)
    port = asking(server)

    answers = port.each(lambda n: port.ask("embeddings", {"n": n}), range(3))

    assert [type(answer) for answer in answers] == [dict, Malformed, dict]


def test_a_visit_ends_in_time_and_goes_on_another_time(server, monkeypatch):
    monkeypatch.setattr(endpoint, "VISIT_S", 0.0)
    port = asking(server)

    answers = port.each(lambda _: port.ask("embeddings", {}), range(3))

    assert {(type(answer), answer.reason) for answer in answers} == {(RateLimited, "visit_over")}
    assert server.asked == []


def test_few_questions_are_open_at_a_time(server):
    server.reply = lambda _: server.over.wait(0.05) or Reply(GOOD)
    port = asking(server, concurrency=3)

    port.each(lambda _: port.ask("embeddings", {}), range(12))

    assert server.most_at_once == 3


def test_the_key_is_sent_and_shown_nowhere_else(server, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    failure = failure_of(server, Reply({"error": {"message": f"bad key {KEY}"}}, 401), key=SecretStr(KEY))

    assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    seen = [
        caplog.text,
        *capsys.readouterr(),
        str(failure),
        failure.detail,
        repr(vars(asking(server, key=SecretStr(KEY)))),
    ]
    assert [text for text in seen if KEY in text] == []


def test_a_redirect_does_not_take_the_key_elsewhere(server):
    failure_of(server, Reply({}, 307, {"Location": f"{server.url}/elsewhere"}), key=SecretStr(KEY))

    assert [asked.path for asked in server.asked] == ["/v1/embeddings"]


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 2_000_000, "completion_tokens": 500_000}, Usage(2_000_000, 500_000, Decimal("2.5"))),
        ({"prompt_tokens": "many"}, Usage()),
        ({"prompt_tokens": -5}, Usage()),
        (None, Usage()),
    ],
)
def test_what_an_answer_cost_is_what_it_says(server, told, usage):
    port = asking(server, input_price=Decimal(1), output_price=Decimal(1))

    assert port.usage({"usage": told}) == usage
