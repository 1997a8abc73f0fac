"""What counts as a name: the model's labels mapped to ours, spans set right by their shape, plain forms."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ingestion.ports import Mention

from . import dates

TYPES = {"PERSON": "person", "ORG": "organization", "GPE": "place", "LOC": "place", "FAC": "place", "DATE": "date"}
ENDINGS = (
    "Trust|Council|Association|Society|Foundation|University|Institute|Committee|Board|Department|Company|Group|Ltd"
    "|Limited|Inc|GmbH|LLC|PLC|Authority|Commission|Agency|Museum|College|School|Club|Union|Federation|Ministry|Bureau"
    "|Office|Laboratory|Cooperative|Corporation|Partnership|Consortium|Bank|Hospital|Library|Archive|Party|Network"
)
CAPITAL_LETTER = "[A-Z\u00c0-\u00de\u0100-\u017d]"
INNER = "[\\w\u2019'&-]*"  # with both apostrophes
WORD = rf"{CAPITAL_LETTER}{INNER}"
NO_NAME_WORDS = (
    "The|A|An|In|On|At|By|For|From|Since|Until|When|While|After|Before|As|And|But|Or|If|It|He|She|We|You|They|I|Our|Its"
    "|Their|His|Her|My|Your|This|That|These|Those|There|To|Of|With|Not|No|All|Any|Each|Some|Both|Also|See|Is|Are|Was"
)
ORGANIZATION = re.compile(
    rf"\b{WORD}(?:[ \n](?:(?:of|for|and|&)[ \n])?{WORD}){{0,4}}?[ \n](?:{ENDINGS})\b(?![ \n](?:{ENDINGS})\b)"
)
NO_NAME_STARTS = re.compile(
    rf"^(?:(?:{NO_NAME_WORDS}|{dates.MONTH}|(?:Director|President|Chair|Head|CEO|CTO|CFO)(?:\s+(?:of|at|for))?|Mr|Mrs|Ms|Dr)\s+)+"
)
PERSON = re.compile(
    rf"{WORD}\.?(?:\s+(?:(?:van|von|de|der|den|du|da|la|le|bin|al)\s+)*{CAPITAL_LETTER}[\w\u2019'.-]*){{0,3}}"
)
NOT_IN_NAMES = re.compile(r"[\d_@=<>{}()\[\]|/\\*#:;`~$%^+\"]")
TITLES = re.compile(
    r"^(?:(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Dame|Captain|Capt|Rev|Councillor|Cllr|Lord|Lady)\.?\s+)+"
)
KINDS = frozenset(ENDINGS.lower().split("|"))
GENERIC = KINDS | {"state", "government", "parliament", "team", "project", "harbour", "harbor"}
GENERIC |= {"software", "program", "product", "package", "licensor", "licensee", "contributor", "buyer", "seller"}


def plain(written: str) -> str:
    """Return a name without article, title, possessive mark and line breaks."""
    name = re.sub("['\u2019]s?$", "", " ".join(written.split()).rstrip(".,"))
    return TITLES.sub("", re.sub(r"^[Tt]he\s+", "", name))


def is_usable(mention: Mention) -> bool:
    """Whether claims may be made of it: a person by full name, an organisation or place by more than its kind."""
    if mention.type == "person":
        return " " in mention.name
    return mention.type in ("organization", "place") and mention.name.lower() not in GENERIC


def mentions(text: str, offset: int, found: Iterable[tuple[int, int, str]]) -> list[Mention]:
    """Turn the model's spans (start, end, label) in a paragraph into mentions, in order and without overlap.

    The paragraph starts at `offset` of the passage. An ending such as "Trust" or "Ltd" outweighs the model's label.
    """
    kept = [m for span in found if (m := _read(text, *span))]
    for match in ORGANIZATION.finditer(text):
        lead = NO_NAME_STARTS.match(match[0])
        start = match.start() + (lead.end() if lead else 0)
        touched = [m for m in kept if m.start < match.end() and start < m.end]
        one_word = len(text[start : match.end()].split()) == 1
        if one_word or any(_covers(m, start, match.end()) for m in touched):
            continue
        kept = [m for m in kept if m not in touched]
        kept.append(Mention(start, match.end(), "organization", plain(text[start : match.end()])))
    return [replace(m, start=m.start + offset, end=m.end + offset) for m in sorted(kept, key=lambda m: m.start)]


def with_full_names(found: Sequence[Mention]) -> list[Mention]:
    """Let a surname alone stand for the one full name in the passage that ends with it."""
    full = {m.name for m in found if m.type == "person" and " " in m.name}

    def whole(mention: Mention) -> Mention:
        owners = [name for name in full if name.endswith(f" {mention.name}")]
        is_surname = mention.type == "person" and " " not in mention.name and len(owners) == 1
        return replace(mention, name=owners[0]) if is_surname else mention

    return [whole(mention) for mention in found]


def _covers(mention: Mention, start: int, end: int) -> bool:
    return mention.type == "organization" and mention.start <= start and end <= mention.end


def _read(text: str, start: int, end: int, label: str) -> Mention | None:
    kind = TYPES.get(label)
    written = text[start:end].rstrip()
    if not kind:
        return None
    if kind == "date":
        day = dates.iso(written)
        return Mention(start, start + len(written), kind, day) if day else None
    name = plain(written)
    if len(name) < 2 or NOT_IN_NAMES.search(name) or not name[0].isupper():  # noqa: PLR2004 - a letter is no name
        return None
    if re.search(rf"\b(?:{ENDINGS})$", name) and " " in name:
        kind = "organization"
    if kind == "person" and not PERSON.fullmatch(name):
        return None
    return Mention(start, start + len(written), kind, name)
