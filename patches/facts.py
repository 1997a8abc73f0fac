"""What the store holds of an entity: its open facts, with the words that they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from handoffs.models import Reflection
from ledger import statements
from patches.names import key_of
from patches.sql import statement


@dataclass(frozen=True)
class Known:
    subject: str
    predicate: str
    label: str
    object: str
    valid_from: datetime | None
    valid_to: datetime | None
    precision: str
    basis: str
    quote: str
    source: str


def facts(reflection: Reflection, *, about: str | None = None, predicate: str | None = None) -> Sequence[Known]:
    """Return the open facts, of one entity if `about` names it (as subject or object), in order of time."""
    parameters = {"reflection": reflection.pk, "about": key_of(about) if about else None, "predicate": predicate}
    return [Known(*row) for row in statements.rows(statement("facts"), parameters)]
