"""What a predicate allows, as the gate and apply read it. Plain data: whatever passes items along may name it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """How many values at a time, of which types of subject and object."""

    cardinality: str
    subject_types: Sequence[str]
    object_types: Sequence[str]


Vocabulary = Mapping[str, Rule]
