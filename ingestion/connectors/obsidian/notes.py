"""What a note says of itself: its properties, its id, its other names, its tags, what it links to."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import yaml

from ingestion.connectors.wikilinks import CODE, targets

FRONT = re.compile(r"---[ \t]*\n(.{0,16384}?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
TAG = re.compile(r"(?<!\S)#((?:[\d_/-]*[^\W\d_])[\w/-]*)")
# Read line by line: it is asked of every note at every listing, and must not depend on how well the rest is written.
ID = re.compile(
    r"^(?:id|uuid):[ \t]+(?:\"([^\"\\\n]+)\"|'([^'\n]+)'|([^\s\"'\[\]{}&*!|>%@`#][^\n]*?))[ \t]*(?:[ \t]#.*)?$",
    re.MULTILINE,
)
ID_CHARS, TOLD_CHARS = 200, 4_000


@dataclass(frozen=True)
class Note:
    front: str
    body: str

    @property
    def id(self) -> str:
        """The note's own name for itself, the property `id` or `uuid`; "" for none."""
        found = ID.search(self.front)
        plain = next(filter(None, found.groups())).strip() if found else ""
        return plain if len(plain) <= ID_CHARS and plain.isprintable() else ""

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        """The values of the front matter with their types; none if it is not valid YAML."""
        try:
            found = yaml.load(self.front, Loader)  # noqa: S506  a safe loader
        except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date such as 2024-02-31
            return {}
        return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}

    @property
    def aliases(self) -> list[str]:
        return _listed(self.properties, "aliases", "alias")

    @property
    def tags(self) -> list[str]:
        """The tags of the front matter and of the text, each once; a nested tag is one: "garden/beds"."""
        above = (tag for said in _listed(self.properties, "tags", "tag") for tag in said.split())
        inline = TAG.findall(CODE.sub("", self.body)) if "#" in self.body else []
        return list(dict.fromkeys(tag.strip("#/") for tag in (*above, *inline) if tag.strip("#/")))

    def links(self) -> Iterator[str]:
        """What it links to, in its properties too."""
        yield from targets(self.front)
        yield from targets(self.body)

    def told(self) -> dict[str, str]:
        """What a reference keeps of it; properties as JSON, with their types."""
        said = {"aliases": ", ".join(self.aliases), "tags": ", ".join(self.tags)}
        if self.properties:
            said["properties"] = json.dumps(self.properties, ensure_ascii=False, default=_plain)
        return {key: value for key, value in said.items() if value and len(value) <= TOLD_CHARS}


class Loader(yaml.SafeLoader):
    """Types as Obsidian has them, which are YAML 1.2's: "no" and "12:30" are texts. Aliases are not read, for bombs."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


for kind, written in {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "null": r"~|null|Null|NULL|",
    "int": r"[-+]?(?:0|[1-9][0-9]{0,18})",
    "float": r"[-+]?(?:0|[1-9][0-9]{0,18})\.[0-9]{1,18}",
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2})?",
}.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{written})$"), None)


def read_note(data: bytes) -> Note:
    """Read a note. Front matter stands at its very first byte, or there is none."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    block = FRONT.match(text)
    return Note(block[1], text[block.end() :]) if block else Note("", text)


def _listed(properties: Mapping[str, Any], *keys: str) -> list[str]:
    found: Any = next((properties[key] for key in keys if properties.get(key)), [])
    values = found if isinstance(found, list) else str(found).split(",")
    return [
        str(value).strip() for value in values if isinstance(value, str | int | float | date) and str(value).strip()
    ]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
