"""Claims that a note states by its form: front matter, mail and minutes headers, wikilinks, tags. Needs no model."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from ingestion.ports import Claim, Period

from . import dates, names
from .roles import role_text
from .vocabulary import LEADS, words

FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
FRONT_LIMIT = 8_000  # characters; a longer block is data, and YAML's composer is slow on nested brackets
HEADER = re.compile(r"\A(?:[A-Z][A-Za-z-]{1,14}:[^\n]*\n){2,12}")
HEADER_LINE = re.compile(r"^(Author|Authors|By|From|Date|Tags):[ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE)
HEADER_NAMES = words("author authors from to date subject tags present apologies chair place minutes")
LOG_DATE = re.compile(r"^Date:[ \t]+\w{3} \w{3} +\d", re.MULTILINE)  # the log of a version control system
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
WIKILINK = re.compile(
    r"(?<![\w\]\[])\[\[([^\W_][^\[\]|#^\n<>{}=$\"]{0,119})(?:#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\](?![\[\]])"
)
PROGRAM_WORDS = words(
    "nodiscard noreturn fallthrough likely unlikely deprecated maybe_unused no_unique_address carries_dependency "
    "None True False nil null self cls"
)
TAGS_LINE = re.compile(r"^[ \t]*(?P<named>[Tt]ags:)?(?P<tags>(?:[ \t,]*#[A-Za-z][\w/-]{1,49}\b)+)[ \t]*$", re.MULTILINE)
TAG = re.compile(r"#([A-Za-z][\w/-]*)")
PREPROCESSOR = words(
    "include define undef if ifdef ifndef elif else endif pragma error warning line region endregion import"
)
MAILBOX = re.compile(r"\s*<[^<>\s]+@[^<>\s]+>\s*$")

PERSON_KINDS = {"person", "people", "contact"}
ORGANIZATION_KINDS = {"organization", "organisation", "company", "department", "partner"}
NAME = ("name", "title")
ORGANIZATION = ("organization", "organisation", "org", "company", "employer")


@dataclass(frozen=True)
class Field:
    """One value of the front matter, with the offsets of its line."""

    value: str
    start: int
    end: int


Fields = Mapping[str, list[Field]]


def is_structured(text: str) -> bool:
    """Whether a structural rule may find something; microseconds."""
    return (
        text.startswith("---\n")
        or "[[" in text
        or HEADER.match(text) is not None
        or ("#" in text and TAGS_LINE.search(text) is not None)
    )


def structural_claims(text: str) -> list[Claim]:
    fields = front_matter(text)
    found = [*_of_document(fields), *_of_subject(fields)]
    if not fields:
        found += [*_of_header(text), *_links_and_tags(text)]
    else:
        found += _links(text)
    return found


def front_matter(text: str) -> Fields:
    """Return the scalar values of the front matter by lower-case key; empty if there is none or it is not YAML."""
    match = FRONT.match(text)
    if not match or len(match[1]) > FRONT_LIMIT:
        return {}
    try:
        root = yaml.compose(match[1], Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    if not isinstance(root, yaml.MappingNode):
        return {}
    fields: dict[str, list[Field]] = {}
    for key, value in root.value:
        if isinstance(key, yaml.ScalarNode):
            name = key.value.strip().lower().replace(" ", "_")
            fields.setdefault(name, []).extend(_scalars(text, match.start(1), key, value))
    return fields


def _scalars(text: str, offset: int, key: yaml.Node, value: yaml.Node) -> Iterator[Field]:
    """Yield the scalars below `value`; the quote is the whole entry, from its key to its last value."""
    start, end = offset + key.start_mark.index, offset + value.end_mark.index
    end = start + len(text[start:end].rstrip())
    waiting = [value]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, yaml.SequenceNode):
            waiting = [*node.value, *waiting]
        elif isinstance(node, yaml.ScalarNode) and (plain := _unlinked(node.value)):
            yield Field(plain, start, end)


def _unlinked(value: str) -> str:
    """Take `[[Note|alias]]` for the note's name."""
    link = WIKILINK.fullmatch(value.strip())
    return " ".join((link[1] if link else value).split())


def _of_document(fields: Fields) -> Iterator[Claim]:
    for field in _all(fields, "author", "authors"):
        yield from _authors(field)
    for field in _all(fields, "tags", "tag", "keywords"):
        for tag in re.split(r"[,;]\s*", field.value):
            if plain := tag.strip().lstrip("#"):
                yield Claim("tagged", None, "document", plain, "text", field.start, field.end)
    for field in _all(fields, "date")[:1]:
        if day := dates.iso(field.value):
            yield Claim("dated", None, "document", day, "date", field.start, field.end)


def _authors(field: Field) -> Iterator[Claim]:
    for name in re.split(r"\s*(?:,|;|&|\band\b)\s*", MAILBOX.sub("", field.value)):
        if _is_full_name(name):
            yield Claim("author", None, "document", names.plain(name), "person", field.start, field.end)


def _is_full_name(name: str) -> bool:
    plain = names.plain(name)
    return " " in plain and names.PERSON.fullmatch(plain) is not None and not names.ORGANIZATION.search(plain)


def _of_subject(fields: Fields) -> Iterator[Claim]:
    kind = next((f.value.lower() for f in _all(fields, "type", "kind")), "")
    name = next(iter(_all(fields, *NAME)), None)
    if name and kind in PERSON_KINDS and _is_full_name(name.value):
        yield from _of_person(fields, names.plain(name.value))
    elif name and kind in ORGANIZATION_KINDS:
        yield from _of_organization(fields, names.plain(name.value))


def _of_person(fields: Fields, person: str) -> Iterator[Claim]:
    period = _period(fields)
    homes = _all(fields, *ORGANIZATION)
    for role in _all(fields, "role", "position"):
        organization = names.plain(homes[0].value) if len(homes) == 1 else ""
        if organization and role.value.lower() in LEADS:
            yield Claim("led_by", organization, "organization", person, "person", role.start, role.end, period)
        written = role_text(role.value, organization)
        yield Claim("has_role", person, "person", written, "text", role.start, role.end, period)
    for home in homes:
        object_ = names.plain(home.value)
        yield Claim("works_for", person, "person", object_, "organization", home.start, home.end, period)
    for body in _all(fields, "member_of"):
        yield Claim("member_of", person, "person", names.plain(body.value), "organization", body.start, body.end)
    for place in _all(fields, "location", "lives_in")[:1]:
        yield Claim("located_in", person, "person", names.plain(place.value), "place", place.start, place.end)


def _of_organization(fields: Fields, organization: str) -> Iterator[Claim]:
    def tell(predicate: str, kind: str, found: list[Field], period: Period | None = None) -> Iterator[Claim]:
        for field in found:
            value = dates.iso(field.value) if kind == "date" else names.plain(field.value)
            if value and (kind != "person" or _is_full_name(value)):
                span = (field.start, field.end)
                yield Claim(predicate, organization, "organization", value, kind, *span, period or Period())

    bought = next((dates.iso(f.value) for f in _all(fields, "acquired", "acquired_on")), None)
    yield from tell("led_by", "person", _all(fields, *sorted(LEADS), "led_by")[:1], _period(fields))
    yield from tell("founded_on", "date", _all(fields, "founded", "established")[:1])
    yield from tell("founded_by", "person", _all(fields, "founder", "founders", "founded_by"))
    yield from tell("located_in", "place", _all(fields, "location", "headquarters", "based_in")[:1])
    yield from tell("member_of", "organization", _all(fields, "member_of"))
    yield from tell("acquired_by", "organization", _all(fields, "acquired_by")[:1], Period(start=bought))


def _period(fields: Fields) -> Period:
    since = next((dates.iso(f.value) for f in _all(fields, "since", "start", "from")), None)
    until = next((dates.iso(f.value) for f in _all(fields, "until", "end", "to")), None)
    return Period(since, until)


def _all(fields: Fields, *keys: str) -> list[Field]:
    return [field for key in keys for field in fields.get(key, [])]


def _of_header(text: str) -> Iterator[Claim]:
    """Read the `Name: value` lines that a mail or minutes open with; two known names make a header."""
    head = HEADER.match(text)
    if not head or LOG_DATE.search(head[0]):
        return
    known = {line.split(":", 1)[0].lower() for line in head[0].splitlines()} & HEADER_NAMES
    if len(known) < 2:  # noqa: PLR2004 - see above
        return
    for line in HEADER_LINE.finditer(head[0]):
        field = Field(line[2], line.start(), line.end())
        if line[1] == "Date" and (day := dates.first(line[2])):
            yield Claim("dated", None, "document", day, "date", field.start, field.end)
        elif line[1] == "Tags":
            for tag in filter(None, re.split(r"[,;\s]+", line[2])):
                yield Claim("tagged", None, "document", tag.lstrip("#"), "text", field.start, field.end)
        elif line[1] not in ("Date", "Tags"):
            yield from _authors(field)


def _links_and_tags(text: str) -> Iterator[Claim]:
    yield from _links(text)
    for line in TAGS_LINE.finditer(CODE.sub(lambda m: " " * len(m[0]), text)):
        tags = TAG.findall(line["tags"])
        # One "#word" on a line is as often a comment or a directive as a tag.
        if (line["named"] or len(tags) > 1) and not PREPROCESSOR & set(tags):
            start = line.end() - len(line[0].lstrip())
            for tag in tags:
                yield Claim("tagged", None, "document", tag, "text", start, start + len(line[0].strip()))


def _links(text: str) -> Iterator[Claim]:
    for link in WIKILINK.finditer(CODE.sub(lambda m: " " * len(m[0]), text)):
        name = link[1].strip()
        if name != link[1] or "://" in name or name in PROGRAM_WORDS or _is_table_of_toml(text, link):
            continue
        yield Claim("links_to", None, "document", name, "text", link.start(), link.end())


def _is_table_of_toml(text: str, link: re.Match[str]) -> bool:
    line = text[text.rfind("\n", 0, link.start()) + 1 : link.end()]
    return line == link[0] and re.fullmatch(r"[\w.-]+", link[1]) is not None
