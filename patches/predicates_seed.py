"""The predicates that every reflection starts with. Plain data: migrations load it, extractors produce it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Predicate:
    """`single` has one object at a time, so that a later one ends the earlier; `many` may have several at once.

    Types are entity types, "document", or "text" and "date" for plain values.
    """

    name: str
    cardinality: Literal["single", "many"]
    subject_types: tuple[str, ...]
    object_types: tuple[str, ...]
    label: str


PERSON, ORGANIZATION, PLACE, DOCUMENT = "person", "organization", "place", "document"
TEXT, DATE = "text", "date"

SEED: tuple[Predicate, ...] = (
    Predicate("led_by", "single", (ORGANIZATION,), (PERSON,), "is led by"),
    Predicate("has_role", "many", (PERSON,), (TEXT,), "has the role"),
    Predicate("works_for", "many", (PERSON,), (ORGANIZATION,), "works for"),
    Predicate("member_of", "many", (PERSON, ORGANIZATION), (ORGANIZATION,), "is a member of"),
    Predicate("located_in", "single", (ORGANIZATION, PERSON, PLACE), (PLACE,), "is located in"),
    Predicate("founded_on", "single", (ORGANIZATION,), (DATE,), "was founded on"),
    Predicate("founded_by", "many", (ORGANIZATION,), (PERSON,), "was founded by"),
    Predicate("acquired_by", "single", (ORGANIZATION,), (ORGANIZATION,), "was acquired by"),
    Predicate("owned_by", "many", (ORGANIZATION,), (ORGANIZATION, PERSON), "is owned by"),
    Predicate("employs", "single", (ORGANIZATION,), (TEXT,), "employs so many people"),
    Predicate("has_revenue", "single", (ORGANIZATION,), (TEXT,), "has a revenue of"),
    Predicate("has_budget", "single", (ORGANIZATION,), (TEXT,), "has a budget of"),
    Predicate("author", "many", (DOCUMENT,), (PERSON,), "was written by"),
    Predicate("tagged", "many", (DOCUMENT,), (TEXT,), "is tagged"),
    Predicate("links_to", "many", (DOCUMENT,), (DOCUMENT, TEXT), "links to"),
    Predicate("dated", "single", (DOCUMENT,), (DATE,), "is dated"),
)
