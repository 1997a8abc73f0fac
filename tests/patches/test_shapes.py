"""RE2 looks before `re` does: it may see more, never less."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patches.evaluation.checks.instructions import SIGNS
from patches.evaluation.shapes import Shape, level


@pytest.mark.parametrize("what", SIGNS)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_a_shape_has_is_seen_first(what, data):
    text = data.draw(st.from_regex(SIGNS[what].exact))
    assert SIGNS[what].search(text, level(text))


@given(st.from_regex(re.compile(r"\b\w{1,3}\s\d\W\b\S", re.IGNORECASE)))
def test_what_is_a_letter_a_digit_or_a_space_to_one_is_it_to_the_other(text):
    assert Shape(r"\b\w{1,3}\s\d\W\b\S").search(text, level(text))
