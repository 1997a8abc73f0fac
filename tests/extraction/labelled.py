"""Passages of eight genres with the claims that a careful reader takes from them; many hold none.

A claim is written `subject | predicate | object | from..to`; a subject of `-` is the document. Only what a text asserts
is a claim. What it denies, supposes or reports may stand under `unasserted`: `polarity: subject | predicate | object`.
"""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Labelled:
    genre: str
    text: str
    claims: tuple[str, ...] = ()
    unasserted: tuple[str, ...] = ()


def _read(line: str) -> Labelled:
    row = json.loads(line)
    return Labelled(row["genre"], row["text"], tuple(row.get("claims", ())), tuple(row.get("unasserted", ())))


LABELLED = tuple(_read(line) for line in Path(__file__).with_suffix(".jsonl").read_text("utf-8").splitlines())
