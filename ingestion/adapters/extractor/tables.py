"""Tables of who holds which role where and since when, and of organisations. One row is one record."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ingestion.ports import Claim

from . import names
from .lines import unlinked
from .records import (
    BUDGET,
    FOUNDED,
    FOUNDER,
    LEADER,
    NAME,
    ORGANIZATION,
    OWNER,
    REVENUE,
    ROLE,
    SEAT,
    SINCE,
    STAFF,
    UNTIL,
    Field,
    Fields,
    is_full_name,
    is_organization,
    is_role,
    of_organization,
    of_person,
    values,
)

TABLE = re.compile(r"^[ \t]*\|?[^|\n]+\|[^\n]*\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*\|[ \t:|-]*$", re.MULTILINE)
CELLS = re.compile(r"(?<!\\)\|")
# What a column's head means, as the field of a record; a head that is not here is passed over.
HEADS: Mapping[str, str] = {
    **{
        key.replace("_", " "): key
        for group in (ROLE, SINCE, UNTIL, FOUNDED, FOUNDER, SEAT, OWNER, STAFF, REVENUE, BUDGET, LEADER)
        for key in group
    },
    **{key: "name" for key in ("name", "person", "holder", "office holder", "incumbent")},
    **{key: "role" for key in ("office", "function")},
    **{key: "organization" for key in (*ORGANIZATION, "institution", "body")},
}


def table_claims(text: str) -> Iterator[Claim]:
    """Yield what the rows of pipe tables say. Fenced code must have been blanked."""
    for head in TABLE.finditer(text):
        columns = [
            HEADS.get(cell.strip("*_ ").lower(), "")
            for cell in _cells(text[head.start() : text.index("\n", head.start())])
        ]
        if len({*columns} - {""}) > 1:
            yield from _rows(text, head.end() + 1, columns)


def _rows(text: str, at: int, columns: Sequence[str]) -> Iterator[Claim]:
    for line in text[at:].splitlines(keepends=True):
        cells = _cells(line)
        if len(cells) != len(columns):
            return
        start = at + len(line) - len(line.lstrip())
        end = at + len(line.rstrip())
        at += len(line)
        fields: Fields = {
            column: [Field(unlinked(cell), start, end)]
            for column, cell in zip(columns, cells, strict=True)
            if column and cell.strip()
        }
        yield from _record(fields)


def _record(fields: Fields) -> Iterator[Claim]:
    person, role = (next(iter(values(fields, *keys)), None) for keys in (NAME, ROLE))
    home = next(iter(values(fields, *ORGANIZATION)), None)
    if person and role:
        if is_full_name(person.value) and is_role(role.value):
            yield from of_person(
                {**fields, "role": [Field(role.value.lower(), role.start, role.end)]}, names.plain(person.value)
            )
    elif home and not person and not role and is_organization(home.value):
        yield from of_organization(fields, names.plain(home.value))


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in CELLS.split(line.strip().strip("|"))] if "|" in line else []
