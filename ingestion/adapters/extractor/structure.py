"""Claims that a text states by its form: front matter, mail and minutes headers, wikilinks, tags, records, tables.

Needs no model.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import yaml

from ingestion.ports import Claim

from . import dates, names
from .lines import KEYED, line_claims, unlinked
from .records import (
    NAME,
    ORGANIZATION_KINDS,
    PERSON_KINDS,
    Field,
    Fields,
    is_full_name,
    of_organization,
    of_person,
    values,
)
from .tables import TABLE, table_claims
from .vocabulary import words

FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
FRONT_LIMIT = 8_000  # characters; a longer block is data, and YAML's composer is slow on nested brackets
HEADER = re.compile(r"\A(?:[A-Z][A-Za-z-]{1,14}:[^\n]*\n){2,12}")
HEADER_LINE = re.compile(r"^(Author|Authors|By|From|To|Cc|Date|Tags):[ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE)
HEADER_NAMES = words("author authors from to date subject tags present apologies chair place minutes")
LOG_DATE = re.compile(r"^Date:[ \t]+\w{3} \w{3} +\d", re.MULTILINE)  # the log of a version control system
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
WIKILINK = re.compile(
    r"(?<![\w\]\[])\[\[([^\W_][^\[\]|#^\n<>{}=$\"]{0,119})(?:#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\](?![\[\]])"
)
PROGRAM_WORDS = words(
    "nodiscard noreturn fallthrough likely unlikely deprecated maybe_unused no_unique_address carries_dependency "
    "None True False nil null true false self cls"
)
TAGS_LINE = re.compile(r"^[ \t]*(?P<named>[Tt]ags:)?(?P<tags>(?:[ \t,]*#[A-Za-z][\w/-]{1,49}\b)+)[ \t]*$", re.MULTILINE)
TAG = re.compile(r"#([A-Za-z][\w/-]*)")
NESTED_TAG = re.compile(r"(?<!\S)#([A-Za-z][\w-]{0,49}(?:/[\w-]{1,50}){1,9})(?![\w/])")
NOTE_LINK = re.compile(
    r"(?<!!)\[[^\[\]\n]{1,200}\]\((?:<([^<>\n:]{1,200}\.md)>|([^()\s<>:]{1,200}\.md))(?:#[^()\s]*)?\)"
)
PREPROCESSOR = words(
    "include define undef if ifdef ifndef elif else endif pragma error warning line region endregion import"
)
MAILBOX = re.compile(r"\s*<[^<>\s]+@[^<>\s]+>")


def is_structured(text: str) -> bool:
    """Whether a structural rule may find something; microseconds."""
    return (
        text.startswith("---\n")
        or "[[" in text
        or HEADER.match(text) is not None
        or ("#" in text and (TAGS_LINE.search(text) or NESTED_TAG.search(text)) is not None)
        or ("](" in text and NOTE_LINK.search(text) is not None)
        or (":" in text and KEYED.search(text) is not None)
        or ("|" in text and TABLE.search(text) is not None)
    )


def structural_claims(text: str) -> list[Claim]:
    if not is_structured(text):
        return []
    prose = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text) if "`" in text else text
    if fields := front_matter(text):
        return [*_of_document(fields), *_of_subject(fields), *_links(prose)]
    return [*_of_header(text), *_links(prose), *_tags(prose), *line_claims(prose), *table_claims(prose)]


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
        elif isinstance(node, yaml.ScalarNode) and (plain := unlinked(node.value)):
            yield Field(plain, start, end)


def _of_document(fields: Fields) -> Iterator[Claim]:
    for field in values(fields, "author", "authors"):
        yield from _people("author", field)
    for field in values(fields, "tags", "tag", "keywords"):
        for tag in re.split(r"[,;]\s*", field.value):
            if plain := tag.strip().lstrip("#"):
                yield Claim("tagged", None, "document", plain, "text", field.start, field.end)
    for field in values(fields, "date")[:1]:
        if day := dates.iso(field.value):
            yield Claim("dated", None, "document", day, "date", field.start, field.end)


def _people(predicate: str, field: Field) -> Iterator[Claim]:
    for name in re.split(r"\s*(?:,|;|&|\band\b)\s*", MAILBOX.sub("", field.value)):
        if is_full_name(name):
            yield Claim(predicate, None, "document", names.plain(name), "person", field.start, field.end)


def _of_subject(fields: Fields) -> Iterator[Claim]:
    kind = next((f.value.lower() for f in values(fields, "type", "kind")), "")
    name = next(iter(values(fields, *NAME)), None)
    if name and kind in PERSON_KINDS and is_full_name(name.value):
        yield from of_person(fields, names.plain(name.value))
    elif name and kind in ORGANIZATION_KINDS:
        yield from of_organization(fields, names.plain(name.value))


def _of_header(text: str) -> Iterator[Claim]:
    """Read the `Name: value` lines that a mail or minutes open with; two known names make a header."""
    head = HEADER.match(text)
    if not head or LOG_DATE.search(head[0]):
        return
    known = {line.split(":", 1)[0].lower() for line in head[0].splitlines()} & HEADER_NAMES
    if len(known) < 2:  # noqa: PLR2004 - see above
        return
    for line in HEADER_LINE.finditer(head[0]):
        yield from _of_header_line(line[1], Field(line[2], line.start(), line.end()))


def _of_header_line(name: str, field: Field) -> Iterator[Claim]:
    if name == "Date":
        if day := dates.first(field.value):
            yield Claim("dated", None, "document", day, "date", field.start, field.end)
    elif name == "Tags":
        for tag in filter(None, re.split(r"[,;\s]+", field.value)):
            yield Claim("tagged", None, "document", tag.lstrip("#"), "text", field.start, field.end)
    else:
        yield from _people("sent_to" if name in ("To", "Cc") else "author", field)


def _tags(text: str) -> Iterator[Claim]:
    for tag in NESTED_TAG.finditer(text):
        yield Claim("tagged", None, "document", tag[1], "text", tag.start(), tag.end())
    for line in TAGS_LINE.finditer(text):
        tags = TAG.findall(line["tags"])
        # One "#word" on a line is as often a comment or a directive as a tag.
        if (line["named"] or len(tags) > 1) and not PREPROCESSOR & set(tags):
            start = line.end() - len(line[0].lstrip())
            for name in tags:
                yield Claim("tagged", None, "document", name, "text", start, start + len(line[0].strip()))


def _links(text: str) -> Iterator[Claim]:
    for link in WIKILINK.finditer(text):
        name = link[1].strip()
        if name != link[1] or "://" in name or _is_list_of_values(name) or _is_table_of_toml(text, link):
            continue
        yield Claim("links_to", None, "document", name, "text", link.start(), link.end())
    for link in NOTE_LINK.finditer(text):
        yield Claim("links_to", None, "document", unquote(link[1] or link[2]), "text", link.start(), link.end())


def _is_list_of_values(name: str) -> bool:
    """Whether it is a row of a matrix or an attribute: "3, null"."""
    return any(part.strip() in PROGRAM_WORDS for part in name.split(","))


def _is_table_of_toml(text: str, link: re.Match[str]) -> bool:
    line = text[text.rfind("\n", 0, link.start()) + 1 : link.end()]
    return line == link[0] and re.fullmatch(r"[\w.-]+", link[1]) is not None
