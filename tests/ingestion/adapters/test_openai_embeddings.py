"""Vectors from an endpoint: in the order of their texts, of the right length, and one bad text harms no other."""

from decimal import Decimal

import numpy as np
import pytest

from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.adapters.embeddings.openai import BATCH, OpenAI
from ingestion.metering import metered
from ledger.failures import Auth, Failure, Malformed, RateLimited, Transient
from tests.model_server import Reply, vectors

TEXTS = [f"text number {n}" for n in range(BATCH * 2 + 5)]


def port(server, **more) -> OpenAI:
    return OpenAI(**server.options(dim=Hashing.dim, **more))


def test_many_texts_go_in_batches_and_come_back_in_order(server):
    rows = port(server).embed(TEXTS)

    assert np.allclose(rows, Hashing().embed(TEXTS), atol=1e-6)
    assert sorted(len(asked.question["input"]) for asked in server.asked) == [5, BATCH, BATCH]


def test_what_is_blank_is_not_sent(server):
    rows = port(server).embed(["", " \n", "\0"])

    assert (rows[:, 0] == 1).all()
    assert server.asked == []


def test_a_text_that_the_endpoint_refuses_is_found_in_its_batch(server):
    server.reply = lambda asked: (
        Reply({}, 400)
        if any("number 70" in text for text in asked.question["input"])
        else Reply(vectors(asked.question["input"]))
    )

    rows = port(server).embed(TEXTS)

    assert [number for number, row in enumerate(rows) if isinstance(row, Failure)] == [70]
    assert isinstance(rows[70], Malformed)
    assert np.allclose(rows[71], Hashing().embed([TEXTS[71]])[0], atol=1e-6)


def test_an_endpoint_that_refuses_every_text_is_not_set_up_right(server):
    server.reply = lambda _: Reply({}, 404)

    assert {type(row) for row in port(server).embed(TEXTS[:3])} == {Auth}


def test_a_rate_limit_in_the_middle_keeps_what_was_done(server):
    server.reply = lambda asked: (
        Reply({}, 429) if TEXTS[-1] in asked.question["input"] else Reply(vectors(asked.question["input"]))
    )

    rows = port(server, concurrency=1).embed(TEXTS)

    assert {type(row) for row in rows[-5:]} == {RateLimited}
    assert not any(isinstance(row, Failure) for row in rows[:-5])


def test_vectors_of_another_length_are_refused_and_nothing_more_is_asked(server):
    failures = OpenAI(**server.options(dim=3, concurrency=1)).embed(TEXTS)

    assert {(type(row), row.reason, row.detail) for row in failures} == {(Auth, "wrong_dimensions", "64, not 3")}
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[1:],
        lambda data: [data[0], data[0]],
        lambda data: [entry | {"embedding": [0.0] * 64} for entry in data],
        lambda data: [entry | {"embedding": [float("nan")] * 64} for entry in data],
        lambda data: [entry | {"embedding": "AAAA"} for entry in data],
        lambda data: [entry | {"index": None} for entry in data],
        lambda _: None,
    ],
    ids=["one missing", "one twice", "zero", "not a number", "text", "no index", "nothing"],
)
def test_an_answer_that_is_not_what_was_asked_for_is_not_taken(server, change):
    def reply(asked):
        whole = vectors(asked.question["input"])
        return Reply(whole | {"data": change(whole["data"])})

    server.reply = reply
    failures = port(server).embed(TEXTS[:2])

    assert {(type(row), row.reason) for row in failures} == {(Transient, "bad_answer")}


def test_what_a_batch_costs_is_shared_by_its_texts(server):
    texts = ["a" * 10, "b" * 30, "", "c"]
    with metered() as spent:
        port(server, input_price=Decimal(2)).embed(texts)

    assert {number: usage.input_tokens for number, usage in spent.items()} == {0: 10, 1: 30, 3: 1}
    assert sum(usage.cost for usage in spent.values()) == Decimal(82) / 1_000_000
