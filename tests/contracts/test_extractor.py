from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.adapters import EXTRACTORS, load
from patches.predicates_seed import SEED
from tests.extraction.labelled import HELD_OUT, TUNING
from tests.model_server import serving

TEXTS = [labelled.text for labelled in TUNING + HELD_OUT]
PREDICATES = {predicate.name: predicate for predicate in SEED}
PIECES = [
    "Ann Lee ",
    "Acme Ltd ",
    "director of ",
    "was appointed ",
    "in May 2019 ",
    ". ",
    "\n\n",
    "---\n",
    "[[",
    "]]",
    "#a #b\n",
]


@pytest.fixture(params=sorted(EXTRACTORS), scope="module")
def port(request):
    with serving() as server:
        yield load(EXTRACTORS, request.param, **(server.options() if request.param == "openai" else {}))


@pytest.fixture(scope="module")
def read(port):
    mentions = port.entities(TEXTS)
    return mentions, port.claims(TEXTS, mentions)


def test_nothing_in_nothing_out(port):
    assert port.entities([]) == []
    assert port.claims([], []) == []
    assert port.claims(["", " \n"], port.entities(["", " \n"])) == [[], []]


def test_mentions_lie_in_the_text_in_order_and_apart(read):
    for text, mentions in zip(TEXTS, read[0], strict=True):
        edges = list(chain.from_iterable((m.start, m.end) for m in mentions))
        assert edges == sorted(edges)
        assert all(text[m.start : m.end].strip() and m.name for m in mentions)
        assert {m.type for m in mentions} <= {"person", "organization", "place", "date"}


def test_quotes_are_verbatim_and_claims_in_order(read):
    for text, claims in zip(TEXTS, read[1], strict=True):
        assert claims == sorted(claims, key=lambda c: (c.start, c.predicate, c.object))
        assert len(set(claims)) == len(claims)
        for claim in claims:
            quote = text[claim.start : claim.end]
            assert 0 <= claim.start < claim.end <= len(text)
            assert quote == quote.strip()


def test_claims_keep_to_the_predicates_that_are_known(read):
    for claim in chain.from_iterable(read[1]):
        predicate = PREDICATES[claim.predicate]
        assert claim.subject_type in predicate.subject_types
        assert claim.object_type in predicate.object_types
        assert (claim.subject is None) == (claim.subject_type == "document")
        assert claim.polarity in ("asserted", "negated", "hedged", "reported")


def test_a_passage_reads_the_same_alone_and_in_any_company(port, read):
    backwards = TEXTS[::-1]
    mentions = port.entities(backwards)

    assert mentions[::-1] == read[0]
    assert port.claims(backwards, mentions)[::-1] == read[1]
    for number in range(0, len(TEXTS), 7):
        alone = port.entities([TEXTS[number]])
        assert alone == [read[0][number]]
        assert port.claims([TEXTS[number]], alone) == [read[1][number]]


@settings(max_examples=40, deadline=None)
@given(text=st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=12).map("".join))
def test_no_text_is_too_odd_to_read(port, text):
    mentions = port.entities([text])

    for claim in port.claims([text], mentions)[0]:
        assert text[claim.start : claim.end]
