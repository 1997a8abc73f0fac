"""What the store holds, or held: facts with the words that they rest on, seen from any moment of both clocks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger import statements
from patches.provenance import documents
from patches.sql import statement

EVIDENCE_SHOWN = 3
ORDERS = {
    "time": "f.starts NULLS FIRST, f.ends NULLS LAST, s.name, f.predicate_id, f.object_text, f.known_from, f.id",
    "answer": """ts_rank(to_tsvector('english', p.label || ' ' || f.object_text || ' ' || s.name),
                         replace(plainto_tsquery('english', %(words)s)::text, '&', '|')::tsquery) DESC,
                 f.starts DESC NULLS LAST, f.id""",
}


@dataclass(frozen=True)
class Evidence:
    """The words of an assertion: characters [start, end) of the text of a batch's document."""

    assertion: int
    quote: str
    start: int
    end: int
    batch: int
    title: str
    documents: Sequence[str] = ()  # the items that have it now, or once had it


@dataclass(frozen=True)
class Known:
    """A fact version: valid in the world from `valid_from` until before `valid_to`, known during its apply numbers."""

    id: int
    subject: str
    predicate: str
    label: str
    object: str
    valid_from: datetime | None
    valid_to: datetime | None
    precision: str
    basis: str
    known_from: int
    known_to: int | None
    known_from_at: datetime
    known_to_at: datetime | None
    evidence: Sequence[Evidence]
    leads_to: Sequence[str] = ()  # the items that a link means; who knows the sources' paths fills it in


@dataclass(frozen=True)
class View:
    """From where the facts are looked at. Nothing given: now, all times of the world.

    `valid` keeps what held at some time in the half-open period; `known_at` is an apply number; `history` shows every
    version that there was up to then, closed ones too.
    """

    valid: tuple[datetime | None, datetime | None] | None = None
    known_at: int | None = None
    history: bool = False


NOW = View()


def facts(
    reflection_id: int,
    *,
    about: Sequence[UUID] | None = None,
    predicate: str | None = None,
    seen: View = NOW,
    limit: int | None = None,
    answering: str = "",
    ids: Sequence[int] | None = None,
    evidence: int = EVIDENCE_SHOWN,
) -> list[Known]:
    """Return fact versions with the evidence of their time, in order of valid time; all of them without `limit`.

    `about` are entities, as subject or object. `answering` a question, those that share most words with it come first,
    the latest before the others. `ids` are those of versions; `evidence` how much of it is told. Two statements.
    """
    valid_from, valid_to = seen.valid or (None, None)
    parameters: dict[str, Any] = {
        "reflection": reflection_id,
        "about": list(about) if about is not None else None,
        "predicate": predicate,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "seq": seen.known_at,
        "history": seen.history,
        "limit": limit,
        "evidence": evidence,
        "ids": list(ids) if ids is not None else None,
        "words": answering,
    }
    sql = statement("facts").replace("{order}", ORDERS["answer" if answering else "time"])
    found = [_known(*row) for row in statements.rows(sql, parameters)]
    names = documents({said.batch for fact in found for said in fact.evidence})
    return [
        replace(fact, evidence=[replace(said, documents=names[said.batch]) for said in fact.evidence]) for fact in found
    ]


def _known(*columns: Any) -> Known:
    said = json.loads(columns[-1] or "[]")
    return Known(*(*columns[:-1], [Evidence(**one) for one in said]))
