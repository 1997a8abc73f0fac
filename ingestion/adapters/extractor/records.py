"""What a record says of the person or organisation it is about: fields by name, of front matter, lines or rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ingestion.ports import Claim, Period

from . import amounts, dates, names
from .roles import role_text
from .vocabulary import FORMER, LEADS, ROLES

PERSON_KINDS = {"person", "people", "contact"}
ORGANIZATION_KINDS = {"organization", "organisation", "company", "department", "partner"}
NAME = ("name", "title", "person")
ROLE = ("role", "position", "post", "job_title")
ORGANIZATION = ("organization", "organisation", "org", "company", "employer")
SINCE = ("since", "start", "from")
UNTIL = ("until", "end", "to")
FOUNDED = ("founded", "established")
FOUNDER = ("founder", "founders", "founded_by")
SEAT = ("location", "headquarters", "based_in")
OWNER = ("owner", "owned_by", "parent_company")
STAFF = ("employees", "staff")
REVENUE = ("revenue", "turnover")
BUDGET = ("budget",)
LEADER = (*sorted(LEADS), "led_by")
KEYS = frozenset(
    key.replace(" ", "_")
    for group in (NAME, ROLE, ORGANIZATION, SINCE, UNTIL, FOUNDED, FOUNDER, SEAT, OWNER, STAFF, REVENUE, BUDGET, LEADER)
    for key in group
)
PLACE = re.compile(rf"{names.WORD}(?:[ -](?:(?:of|the|upon|on|de|la|le|am|under|sur)[ -])*{names.WORD}){{0,4}}")


@dataclass(frozen=True)
class Field:
    """One value of a record, with the offsets of the words that state it."""

    value: str
    start: int
    end: int


Fields = Mapping[str, list[Field]]


def values(fields: Fields, *keys: str) -> list[Field]:
    return [field for key in keys for field in fields.get(key.replace(" ", "_"), [])]


def is_full_name(name: str) -> bool:
    plain = names.plain(name)
    return " " in plain and names.PERSON.fullmatch(plain) is not None and not names.ORGANIZATION.search(plain)


def is_organization(name: str) -> bool:
    """Whether the name says by its last word that it is one: "Acme Ltd"."""
    return names.ORGANIZATION.fullmatch(names.plain(name)) is not None


def is_role(written: str) -> bool:
    """Whether it reads as a role that is held: "chief engineer", but not "former director", "admin" or "none yet"."""
    words = written.lower().split()
    head = words[: words.index("of")] if "of" in words else words
    return bool(head) and head[-1] in ROLES and FORMER.isdisjoint(words) and len(words) <= 6  # noqa: PLR2004


def of_person(fields: Fields, person: str) -> Iterator[Claim]:
    period = _period(fields)
    homes = values(fields, *ORGANIZATION)
    for role in values(fields, *ROLE):
        if not FORMER.isdisjoint(role.value.lower().split()):
            continue
        organization = names.plain(homes[0].value) if len(homes) == 1 else ""
        if organization and role.value.lower() in LEADS:
            yield Claim("led_by", organization, "organization", person, "person", role.start, role.end, period)
        written = role_text(role.value, organization)
        yield Claim("has_role", person, "person", written, "text", role.start, role.end, period)
    for home in homes:
        object_ = names.plain(home.value)
        yield Claim("works_for", person, "person", object_, "organization", home.start, home.end, period)
    for body in values(fields, "member_of"):
        yield Claim("member_of", person, "person", names.plain(body.value), "organization", body.start, body.end)
    for place in values(fields, "location", "lives_in")[:1]:
        if PLACE.fullmatch(place.value):
            yield Claim("located_in", person, "person", names.plain(place.value), "place", place.start, place.end)


def of_organization(fields: Fields, organization: str) -> Iterator[Claim]:
    def tell(predicate: str, kind: str, found: list[Field], period: Period | None = None) -> Iterator[Claim]:
        for field in found:
            if value := _read(field.value, predicate, kind):
                span = (field.start, field.end)
                yield Claim(predicate, organization, "organization", value, kind, *span, period or Period())

    bought = next((dates.iso(f.value) for f in values(fields, "acquired", "acquired_on")), None)
    yield from tell("led_by", "person", values(fields, *LEADER)[:1], _period(fields))
    yield from tell("founded_on", "date", values(fields, *FOUNDED)[:1])
    yield from tell("founded_by", "person", values(fields, *FOUNDER))
    yield from tell("located_in", "place", values(fields, *SEAT)[:1])
    yield from tell("member_of", "organization", values(fields, "member_of"))
    yield from tell("acquired_by", "organization", values(fields, "acquired_by")[:1], Period(start=bought))
    yield from tell("owned_by", "organization", values(fields, *OWNER))
    yield from tell("employs", "text", values(fields, *STAFF)[:1])
    yield from tell("has_revenue", "text", values(fields, *REVENUE)[:1])
    yield from tell("has_budget", "text", values(fields, *BUDGET)[:1])


def _read(written: str, predicate: str, kind: str) -> str | None:
    """Return a field's value as claims have it; None if it is not of its kind."""
    plain = names.plain(written)
    if kind == "date":
        return dates.iso(written)
    if kind == "text":
        return amounts.people(written) if predicate == "employs" else amounts.money(written)
    if kind == "person":
        return plain if is_full_name(plain) else None
    if kind == "place":
        return plain if PLACE.fullmatch(plain) else None
    return plain if plain[:1].isupper() and not names.NOT_IN_NAMES.search(plain) else None


def _period(fields: Fields) -> Period:
    since = next((dates.iso(f.value) for f in values(fields, *SINCE)), None)
    until = next((dates.iso(f.value) for f in values(fields, *UNTIL)), None)
    return Period(since, until)
