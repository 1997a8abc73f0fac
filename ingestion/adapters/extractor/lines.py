"""Records of key–value lines: a few of them below a heading that names whom they are about, or with a line `Name:`.

"# Helen Marsh", then "Role: director" and "Organisation: Lowerton Water Board"; also "- **Role:** director" and
"role:: director".
"""

import re
from collections import defaultdict
from collections.abc import Iterator

from ingestion.ports import Claim

from .records import (
    KEYS,
    LEADER,
    NAME,
    ORGANIZATION,
    ROLE,
    Field,
    Fields,
    is_full_name,
    is_organization,
    is_role,
    of_organization,
    of_person,
    values,
)

MARK, BOLD = r"[ \t]*(?:[-*+][ \t]+)?", r"(?:\*\*|__)?"
KNOWN = "|".join(sorted(KEYS)).replace("_", "[_ ]")
KEYED = re.compile(rf"^{MARK}{BOLD}(?:{KNOWN}){BOLD}::?{BOLD}[ \t]", re.IGNORECASE | re.MULTILINE)
LINE = re.compile(rf"{MARK}{BOLD}(?P<key>[A-Za-z][A-Za-z _-]{{0,30}}?){BOLD}::?{BOLD}[ \t]+(?P<value>\S.*?)[ \t]*")
HEADING = re.compile(r"#{1,6}[ \t]+(?P<name>.*?)[ \t#]*")
LINKED = re.compile(r"\[\[([^\[\]|#\n]+)(?:#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\]")
FEWEST = 2  # lines: one alone is prose more often than a record


def line_claims(text: str) -> Iterator[Claim]:
    """Yield what the records of a text say. Fenced code must have been blanked."""
    if not KEYED.search(text):
        return
    heading, fields, at = "", defaultdict[str, list[Field]](list), 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\n")
        keyed, titled = LINE.fullmatch(bare), HEADING.fullmatch(bare)
        if titled or (fields and not keyed):
            yield from _record(heading, fields)
            heading, fields = titled["name"] if titled else "", defaultdict(list)
        elif not keyed and bare.strip():
            heading = ""  # prose between a heading and the lines: they are about something else
        if keyed:
            start = at + len(bare) - len(bare.lstrip())
            key = keyed["key"].strip().lower().replace(" ", "_")
            fields[key].append(Field(unlinked(keyed["value"]), start, at + len(bare.rstrip())))
        at += len(line)
    yield from _record(heading, fields)


def unlinked(value: str) -> str:
    """Take `[[Note|alias]]` for the note's name."""
    link = LINKED.fullmatch(value.strip())
    return " ".join((link[1] if link else value).split())


def _record(heading: str, fields: Fields) -> Iterator[Claim]:
    if sum(map(len, fields.values())) < FEWEST:
        return
    named = next(iter(values(fields, *NAME)), None)
    name = named.value if named else unlinked(heading)
    roles = values(fields, *ROLE)
    if is_organization(name) and not roles:
        yield from of_organization(fields, " ".join(name.split()))
    elif is_full_name(name) and not values(fields, *LEADER) and all(is_role(role.value) for role in roles):
        yield from of_person(fields, name) if roles or values(fields, *ORGANIZATION) else ()
