"""The vocabulary of facts, read once per transaction that needs it."""

from patches.models import Predicate


def registry() -> dict[str, Predicate]:
    return {predicate.name: predicate for predicate in Predicate.objects.all()}
