"""Passages of many genres with the claims that a careful reader takes from them; many are traps and hold none.

A passage begins with `%% genre` and is the lines up to its claims. `=> subject | predicate | object | from..to` is a
claim that it asserts; a subject of `-` is the document. What it denies, supposes or reports may stand as
`~> polarity: subject | predicate | object`. The rules were written with the tuning half before their author's eyes;
the held-out half was written before the rules were run on it, and no rule may be fitted to it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLAIM, UNASSERTED = "=> ", "~> "


@dataclass(frozen=True)
class Labelled:
    genre: str
    text: str
    claims: tuple[str, ...] = ()
    unasserted: tuple[str, ...] = ()


def _read(name: str) -> Iterator[Labelled]:
    written = Path(__file__).with_name(f"{name}.txt").read_text("utf-8")
    for block in re.split(r"^%% ", written, flags=re.MULTILINE)[1:]:
        genre, *lines = block.rstrip("\n").split("\n")
        text = [line for line in lines if not line.startswith((CLAIM, UNASSERTED))]
        yield Labelled(genre, "\n".join(text), tuple(_marked(lines, CLAIM)), tuple(_marked(lines, UNASSERTED)))


def _marked(lines: list[str], mark: str) -> Iterator[str]:
    return (line.removeprefix(mark).strip() for line in lines if line.startswith(mark))


TUNING, HELD_OUT = tuple(_read("tuning")), tuple(_read("held_out"))
