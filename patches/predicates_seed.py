"""The predicates that every reflection starts with. Plain data: migrations load it, extractors produce it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Predicate:
    """`single` has one object at a time, so that a later one ends the earlier; `many` may have several at once; an
    `event` happens, and never contradicts. `inverse` is the label as it is read from the object.

    Types are entity types, "document", or "text" and "date" for plain values.
    """

    name: str
    cardinality: Literal["single", "many", "event"]
    subject_types: tuple[str, ...]
    object_types: tuple[str, ...]
    label: str
    inverse: str = ""


PERSON, ORGANIZATION, PLACE, DOCUMENT = "person", "organization", "place", "document"
TEXT, DATE = "text", "date"

SEED: tuple[Predicate, ...] = (
    Predicate("led_by", "single", (ORGANIZATION,), (PERSON,), "is led by", "leads"),
    Predicate("has_role", "many", (PERSON,), (TEXT,), "has the role", "is the role of"),
    Predicate("works_for", "many", (PERSON,), (ORGANIZATION,), "works for", "employs"),
    Predicate("member_of", "many", (PERSON, ORGANIZATION), (ORGANIZATION,), "is a member of", "has as a member"),
    Predicate("located_in", "single", (ORGANIZATION, PERSON, PLACE), (PLACE,), "is located in", "is the place of"),
    Predicate("founded_on", "single", (ORGANIZATION,), (DATE,), "was founded on"),
    Predicate("founded_by", "many", (ORGANIZATION,), (PERSON,), "was founded by", "founded"),
    Predicate("acquired_by", "single", (ORGANIZATION,), (ORGANIZATION,), "was acquired by", "acquired"),
    Predicate("owned_by", "many", (ORGANIZATION,), (ORGANIZATION, PERSON), "is owned by", "owns"),
    Predicate("employs", "single", (ORGANIZATION,), (TEXT,), "employs so many people"),
    Predicate("has_revenue", "single", (ORGANIZATION,), (TEXT,), "has a revenue of"),
    Predicate("has_budget", "single", (ORGANIZATION,), (TEXT,), "has a budget of"),
    Predicate("author", "many", (DOCUMENT,), (PERSON,), "was written by", "wrote"),
    Predicate("sent_to", "many", (DOCUMENT,), (PERSON,), "was sent to", "received"),
    Predicate("tagged", "many", (DOCUMENT,), (TEXT,), "is tagged", "is a tag of"),
    Predicate("links_to", "many", (DOCUMENT,), (DOCUMENT, TEXT), "links to", "is linked from"),
    Predicate("dated", "single", (DOCUMENT,), (DATE,), "is dated"),
)
