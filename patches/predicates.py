"""The vocabulary of facts as the gate and apply read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from patches.models import Predicate


@dataclass(frozen=True)
class Rule:
    """What a predicate allows: how many values at a time, of which types of subject and object."""

    cardinality: str
    subject_types: Sequence[str]
    object_types: Sequence[str]


Vocabulary = Mapping[str, Rule]


def vocabulary() -> Vocabulary:
    found = Predicate.objects.values_list("name", "cardinality", "subject_types", "object_types")
    return {name: Rule(cardinality, subjects, objects) for name, cardinality, subjects, objects in found}
