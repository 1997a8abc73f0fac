"""Facts that ended and began, as a person reads them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from patches.models import Entity
from patches.slots import Change, Revision


@dataclass(frozen=True)
class FactChange:
    """A fact that ended or began to be held true by the store."""

    subject: str
    predicate: str
    object: str
    valid_from: datetime | None
    valid_to: datetime | None
    precision: str


def named(revision: Revision) -> tuple[list[FactChange], list[FactChange]]:
    """Those that ended, and those that began. One statement."""
    subjects = {change.subject_id for change in [*revision.closed, *revision.opened]}
    names = dict(Entity.objects.filter(pk__in=subjects).values_list("pk", "name"))
    closed, opened = ([_read(one, names) for one in changes] for changes in (revision.closed, revision.opened))
    return closed, opened


def _read(change: Change, names: dict[UUID, str]) -> FactChange:
    held = change.held
    subject = names[change.subject_id]
    return FactChange(subject, change.predicate, held.object_text, held.start, held.end, held.precision)
