"""The cheap test: which passages and sentences can hold a claim at all. No model, some dozen microseconds each."""

import re

from .names import CAPITAL_LETTER, INNER, NO_NAME_WORDS
from .relations import FOUNDING, RELATIONS
from .roles import ROLE_WORDS
from .sentences import all_sentences
from .structure import is_structured
from .vocabulary import EMPLOY, MEMBER, SUBSIDIARY, SUMS

OF_PERSONS = ROLE_WORDS.union(*(r.verbs for r in RELATIONS if "person" in r.subject_types + r.object_types))
OF_OTHERS = FOUNDING.union(
    {MEMBER, SUBSIDIARY, "employees", "staff"},
    EMPLOY,
    SUMS,
    *(r.verbs for r in RELATIONS if {"organization", "place"} & set(r.subject_types)),
)
WORDS = OF_PERSONS | OF_OTHERS

WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
NAME = rf"\b(?!(?:{NO_NAME_WORDS})\b){CAPITAL_LETTER}{INNER}"
FULL_NAME = re.compile(rf"{NAME}\.?\s+(?:[a-z]{{2,3}}\s+){{0,2}}(?:[A-Z]\.\s+)*{CAPITAL_LETTER}[\w]")
NAMES = re.compile(rf"{NAME}|\b\d{{4}}\b")
CODE = re.compile(r"[{}<>=\\|@_\t]|::|\(\)|\w\.\w+\(|://")
LONGEST = 600  # characters; a longer "sentence" is a table, a listing or a chain of clauses that the parser gets wrong


def can_hold_claim(text: str) -> bool:
    """Whether a rule may find a claim in the passage. Depends on the text alone, so it may be asked twice."""
    return is_structured(text) or (_knows(text) and any(can_tell(text[a:b]) for a, b in all_sentences(text)))


def can_tell(sentence: str) -> bool:
    """Whether a pattern may find a claim: a word it knows, and a full name, two names, or a name and a year."""
    if len(sentence) > LONGEST or not _knows(sentence) or CODE.search(sentence):
        return False
    if FULL_NAME.search(sentence):
        return True
    return not OF_OTHERS.isdisjoint(WORD.findall(sentence.lower())) and len(set(NAMES.findall(sentence))) > 1


def _knows(text: str) -> bool:
    return not WORDS.isdisjoint(WORD.findall(text.lower()))
