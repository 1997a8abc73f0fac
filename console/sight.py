"""Which knowledge bases were given to whom."""

from typing import Any

from console.models import Sight


def of(person: Any) -> frozenset[int] | None:
    """The ids of the reflections that the person sees; None for all. One statement a request."""
    if person.is_superuser:
        return None
    if not hasattr(person, "_sees"):
        rows = set(Sight.objects.filter(person=person.pk).values_list("reflections", flat=True))
        person._sees = frozenset(rows - {None}) if rows else None
    found: frozenset[int] | None = person._sees
    return found
