import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.adapters import EMBEDDINGS, load
from ingestion.adapters.embeddings.hashing import Hashing
from tests.model_server import serving


@pytest.fixture(params=sorted(EMBEDDINGS), scope="module")
def adapter(request):
    with serving() as server:
        options = server.options(dim=Hashing.dim) if request.param == "openai" else {}
        yield request.param, options


@pytest.fixture(scope="module")
def port(adapter):
    name, options = adapter
    return load(EMBEDDINGS, name, **options)


@given(texts=st.lists(st.text(max_size=60), max_size=6))
def test_one_unit_row_per_text_in_order(port, texts):
    rows = port.embed(texts)

    assert rows.shape == (len(texts), port.dim)
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert all(np.array_equal(row, port.embed([text])[0]) for row, text in zip(rows, texts, strict=True))


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "\ud800"])
def test_a_text_without_words_still_has_a_direction(port, text):
    rows = port.embed([text, text])

    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(rows[0], rows[1])


def test_neighbours_of_other_lengths_change_nothing(port):
    texts = ["the pump at the north wall " * n for n in (1, 90, 2, 40, 3)] * 30

    rows = port.embed(texts)

    assert all(np.array_equal(rows[i], port.embed([text])[0]) for i, text in enumerate(texts[:5]))


def test_a_model_is_built_once_per_process(adapter, port):
    name, options = adapter
    assert load(EMBEDDINGS, name, **options) is port


def test_like_meets_like():
    port = load(EMBEDDINGS, "wordllama")
    boat, ferry, invoice = port.embed(
        ["a boat in the harbour", "the ferry leaves the port", "an unpaid invoice for paper"]
    )

    assert boat @ ferry > boat @ invoice
