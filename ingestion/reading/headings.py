"""What a document says of itself: its title and its own date."""

import re
from collections.abc import Iterable
from datetime import date
from pathlib import PurePosixPath

import yaml

from ingestion.reading.kinds import SUFFIXES

TITLE_CHARS = 300
HEADING_CHARS = 100
FRONT_MATTER = re.compile(r"---[ \t]*\n(.{0,16384}?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r" {0,3}(```|~~~)")
ATX = re.compile(r" {0,3}# +(.+?)(?: +#+)? *$")
SETEXT = re.compile(r" {0,3}=+ *$")
LINK = re.compile(r"!?\[([^\[\]]*)\]\([^)]*\)|[`*]")
RULE = re.compile(r"([^\w\s])\1{2,} *$")
STATED = re.compile(r"\s*(\d{4})(?:([-/])(\d{1,2})(?:\2(\d{1,2}))?)?(?=$|[T\s])")
OPENING_LINES = 200


class PlainLoader(yaml.BaseLoader):
    """Scalars stay the text they are written as (a date as precise as stated), and no aliases: they make bombs."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def front_matter(text: str) -> dict[str, str]:
    """Return the plain values of the YAML block that opens `text`; empty for none, or one that is not valid."""
    block = FRONT_MATTER.match(text)
    try:
        values = yaml.load(block[1], PlainLoader) if block else {}  # noqa: S506 (it makes strings, lists and dicts)
    except (yaml.YAMLError, RecursionError):
        return {}
    return {k: v for k, v in values.items() if isinstance(v, str)} if isinstance(values, dict) else {}


def stated_date(candidates: Iterable[str]) -> str | None:
    """Return the first that is a date, as precise as it is stated: "2019", "2019-05" or "2019-05-02"."""
    for candidate in candidates:
        if found := STATED.match(candidate):
            year, _, month, day = found.groups()
            try:
                whole = date(int(year), int(month or 1), int(day or 1)).isoformat()
            except ValueError:
                continue
            return whole[: 10 if day else 7 if month else 4]
    return None


def title_of(name: str, candidates: Iterable[str]) -> str:
    """Return the first candidate with anything in it, on one line; else the file's name."""
    for candidate in candidates:
        if line := " ".join(candidate.split()):
            return line[:TITLE_CHARS]
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def markdown_heading(text: str) -> str:
    """Return the first heading of the first level; "" for none near the top. What is in fences is no heading."""
    fence, above = "", ""
    block = FRONT_MATTER.match(text)
    for line in opening(text[block.end() :] if block else text):
        mark = FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence:
            if found := ATX.match(line):
                return plain(found[1])
            if above.strip() and SETEXT.match(line):
                return plain(above)
        above = line
    return ""


def plain(heading: str) -> str:
    """Return a heading without its marks; twice, for a badge is an image in a link."""
    return LINK.sub(r"\1", LINK.sub(r"\1", heading[: 2 * TITLE_CHARS]))


def plain_heading(name: str, text: str) -> str:
    """Return the line that stands alone at the top of a text; "" for source code, and where prose begins at once."""
    if PurePosixPath(name).suffix.lower() not in ("", ".txt", ".rst"):
        return ""
    lines = [line.rstrip() for line in opening(text)]
    while lines and (not lines[0] or RULE.match(lines[0]) or lines[0].startswith("..")):
        del lines[0]
    line, below = (*lines, "", "")[:2]
    alone = not below or RULE.match(below)
    prose = line.endswith((".", ":", ",", ";")) or "://" in line
    return line if alone and not prose and len(line) <= HEADING_CHARS and line.lstrip()[:1].isalnum() else ""


def opening(text: str) -> list[str]:
    return text[:20_000].split("\n")[:OPENING_LINES]
