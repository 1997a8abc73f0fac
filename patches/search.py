"""Answer a question from the passages: nearest vectors and matching words, fused by reciprocal rank."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from ledger import statements
from patches import vectors
from patches.provenance import documents
from patches.sql import statement

CANDIDATES = 50
RANK_CONSTANT = 60  # Cormack, Clarke and Büttcher 2009: reciprocal rank fusion

# How far the index is searched, and that it is searched further while what it finds is filtered away (pgvector 0.8).
THOROUGH = "SELECT set_config('hnsw.ef_search', '300', true), set_config('hnsw.iterative_scan', 'relaxed_order', true)"

LIVE = "p.live"
LIVED = "EXISTS (SELECT FROM patches_batchlife l WHERE l.batch_id = p.batch_id AND l.sys @> %(seq)s::bigint)"
OF_SOURCES = "p.batch_id IN (SELECT id FROM patches_patchbatch WHERE source_id = ANY(%(sources)s))"
# Dates are compared as they are written: 2019-05-02 is in 2019-05. What is not dated is in no period.
DATED = """p.batch_id IN (
  SELECT a.batch_id FROM patches_assertion a WHERE a.predicate_id = 'dated'
    AND a.object_key COLLATE "C" BETWEEN %(dated_from)s::text AND %(dated_to)s::text || '~')"""
# An entity is in a passage that says its name, or claims something of it.
ABOUT = """(p.words @@ phraseto_tsquery('english', %(name)s) OR p.id IN (
  SELECT within.id FROM patches_assertion a
  JOIN patches_passage within ON within.batch_id = a.batch_id AND within.start < a."end" AND within."end" > a.start
  WHERE a.subject_id = ANY(%(about)s::uuid[]) OR a.object_entity_id = ANY(%(about)s::uuid[])))"""


@dataclass(frozen=True)
class Hit:
    """A passage, characters [start, end) of its document; `highlights` are spans of `text` that match the question."""

    score: float
    text: str
    title: str
    start: int
    end: int
    batches: Sequence[int]  # whose documents have this text
    highlights: Sequence[tuple[int, int]]
    documents: Sequence[str]  # the items that have it now, or once had it


@dataclass(frozen=True)
class Within:
    """Which passages are searched. Nothing given: all that are live.

    `known_at` is an apply number: the passages that were live then. `dated` is the period of the document's own date,
    as written; either end may be empty. `about` are entities that are called `name`.
    """

    known_at: int | None = None
    sources: Sequence[int] | None = None
    dated: tuple[str, str] | None = None
    about: Sequence[UUID] | None = None
    name: str = ""

    def condition(self) -> str:
        """In SQL, of a passage `p`; the values are in `parameters`."""
        parts = [LIVE if self.known_at is None else LIVED]
        parts += [OF_SOURCES] if self.sources is not None else []
        parts += [DATED] if self.dated else []
        parts += [ABOUT] if self.about is not None else []
        return " AND ".join(parts)

    def parameters(self) -> dict[str, Any]:
        dated_from, dated_to = self.dated or ("", "")
        return {
            "seq": self.known_at,
            "sources": list(self.sources or ()),
            "dated_from": dated_from,
            "dated_to": dated_to or "9999",
            "about": list(self.about or ()),
            "name": self.name,
        }


EVERYTHING = Within()


def search(
    reflection_id: int, words: str, vector: Sequence[float], *, within: Within = EVERYTHING, limit: int = 5
) -> list[Hit]:
    """Return at most `limit` passages, best first; a text that stands in several documents is told once."""
    found = statements.rows(
        statement("search").replace("{held}", within.condition()),
        {
            **within.parameters(),
            "reflection": reflection_id,
            "words": words,
            "near": nearest(reflection_id, vector, within=within),
            "candidates": CANDIDATES,
            "k": RANK_CONSTANT,
            "limit": limit,
        },
    )
    names = documents({batch for *_, batches, _ in found for batch in batches})
    return [
        Hit(score, text, title, start, end, batches, _spans(text, set(matching)), _all(names, batches))
        for score, text, title, start, end, batches, matching in found
    ]


def nearest(reflection_id: int, vector: Sequence[float], *, within: Within = EVERYTHING) -> list[int]:
    """The ids of the passages whose vectors are nearest, the nearest first.

    By the index where there is one. When it gives up before it has found enough, as it may when few passages are
    within, and for the past, which it does not know, each passage is looked at.
    """
    dim = len(vector)
    parameters = {
        **within.parameters(),
        "reflection": reflection_id,
        "vector": "[" + ",".join(format(x, ".7g") for x in vector) + "]",
        "dim": dim,
        "candidates": CANDIDATES,
    }
    last = vectors.indexed_until(dim) if within.known_at is None else 0
    if last:
        with transaction.atomic():
            statements.rows(THOROUGH)
            found = _ids("near_indexed", within, {**parameters, "last": last})
        if len(found) == CANDIDATES:
            return found
    return _ids("near_exact", within, parameters)


def _ids(name: str, within: Within, parameters: dict[str, Any]) -> list[int]:
    sql = statement(name).replace("{held}", within.condition()).replace("{dim}", str(parameters["dim"]))
    return [id_ for (id_,) in statements.rows(sql, parameters)]


def _spans(text: str, matching: set[str]) -> list[tuple[int, int]]:
    return [word.span() for word in re.finditer(r"\w+", text) if word[0].lower() in matching]


def _all(names: Mapping[int, Sequence[str]], batches: Sequence[int]) -> list[str]:
    return sorted({name for batch in batches for name in names[batch]})
