"""The vocabulary of facts as the database has it."""

from patches.models import Predicate
from patches.rules import Rule, Vocabulary


def vocabulary() -> Vocabulary:
    found = Predicate.objects.values_list("name", "cardinality", "subject_types", "object_types")
    return {name: Rule(cardinality, subjects, objects) for name, cardinality, subjects, objects in found}
