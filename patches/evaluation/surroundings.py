"""What surrounds a flight before the gate: one look at the store for all of its batches."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from ledger import statements
from ledger.failures import Failure
from patches.asserting import knowledge
from patches.evaluation.context import Baseline, Context
from patches.evaluation.golden import Golden, Question, question, rankings
from patches.evaluation.judging import Examined, Judgement, judge
from patches.evaluation.policy import Policy, read
from patches.evaluation.shadow import Aliases, Shadow, placed, standing
from patches.rules import Rule
from patches.search import CANDIDATES
from patches.sql import statement
from patches.timeline import EARLIEST

# A scalar query, to stand in the statement that loads the batches: their source's reflection, policy and recent past.
AROUND = statement("surroundings")

Vectors = tuple[str, Mapping[str, Any]]

NEAR = """
SELECT p.id, p.batch_id, p.text_hash, (p.vector <=> a.vector)::float AS distance FROM patches_passage p
WHERE p.reflection_id = %(reflection)s AND p.live AND vector_dims(p.vector) = vector_dims(a.vector)
ORDER BY p.vector <=> a.vector, p.id LIMIT (SELECT n FROM most)"""
# As far as the index reaches, and beyond it by looking at each: see patches/vectors.py.
NEAR_INDEXED = """
SELECT * FROM (
  SELECT id, batch_id, text_hash, (vector <=> a.vector)::float AS distance FROM (
    SELECT p.id, p.batch_id, p.text_hash, p.vector FROM patches_passage p
    WHERE p.reflection_id = %(reflection)s AND p.live AND vector_dims(p.vector) = {dim} AND p.id <= {last}
    ORDER BY (p.vector::halfvec({dim})) <=> a.vector::halfvec({dim}) LIMIT (SELECT n FROM most)) within
  UNION ALL
  (SELECT p.id, p.batch_id, p.text_hash, (p.vector <=> a.vector)::float FROM patches_passage p
   WHERE p.reflection_id = %(reflection)s AND p.live AND vector_dims(p.vector) = {dim} AND p.id > {last}
   ORDER BY p.vector <=> a.vector, p.id LIMIT (SELECT n FROM most))) both_sides
ORDER BY distance, id LIMIT (SELECT n FROM most)"""


@dataclass(frozen=True)
class Surroundings:
    """`seq` is the apply number up to which the store was looked at; `rows` are those of sql/shadow.sql,
    `ranked` those of sql/golden.sql. With a `failure`
    the golden questions could not be asked, and nothing may be judged.
    """

    reflection_id: int
    policy: Policy
    context: Context
    seq: int = 0
    rows: Sequence[tuple[Any, ...]] = ()
    aliases: Aliases = field(default_factory=dict)
    now: datetime = EARLIEST
    questions: Sequence[Question] = ()
    ranked: Sequence[tuple[Any, ...]] = ()
    near: str = NEAR
    failure: Failure | None = None

    def judge(self, batches: Iterable[Examined]) -> Iterable[Judgement]:
        """Judge one batch after the other; each sees what was approved before it."""
        shadow = Shadow(self.reflection_id, *standing(self.rows), self.aliases)
        golden = self.golden()
        for batch in batches:
            yield judge(batch, self.context, self.policy, shadow, golden=golden, seq=self.seq)

    def golden(self) -> Golden:
        found, fresh = rankings(self.ranked)
        documents = {row[4]: frozenset(row[7]) for row in self.ranked if row[0] == "names"}
        return Golden({one.id: one for one in self.questions}, found, fresh, documents, self.now)


def around(reflection_id: int, told: Mapping[str, Any]) -> Surroundings:
    """What sql/surroundings.sql answered; the slots are not looked at yet."""
    policy = told["policy"] or {"body": {}}
    centroid = json.loads(told["centroid"] or "[]")
    vocabulary = {name: Rule(*rule) for name, rule in (told["vocabulary"] or {}).items()}
    baseline = Baseline(told["passages"] or (), told["predicates"] or {}, centroid)
    context = Context(vocabulary, baseline, told["open_facts"])
    named = {key: policy[key] for key in ("name", "version") if key in policy}
    aliases = {UUID(entity): (UUID(id_), key, name) for entity, (id_, key, name) in (told["aliases"] or {}).items()}
    return Surroundings(
        reflection_id,
        read(policy["body"], **named),
        context,
        told["seq"],
        aliases=aliases,
        now=datetime.fromisoformat(told["now"]),
        near=_near(told["near"]),
        questions=[question(reflection_id, row, aliases) for row in told["golden"] or ()],
    )


def _near(told: Mapping[str, int] | None) -> str:
    """The query for the nearest passages; by the index where there is one for vectors of these dimensions."""
    if not told or not told["last"]:
        return NEAR
    return NEAR_INDEXED.format(dim=int(told["dim"]), last=int(told["last"]))


def look(surroundings: Surroundings, batches: Sequence[Examined], *, vectors: Vectors, recipe: str) -> Surroundings:
    """The surroundings with what the store holds where the batches touch it: one statement, and one if it has golden
    questions. `vectors` is a query, with its parameters, that answers (text_hash, vector); `recipe` made them.
    """
    with transaction.atomic():  # for which sql/shadow.sql sets how far the index is searched
        rows = _slots(surroundings, batches)
        if not any(question.documents for question in surroundings.questions):
            return replace(surroundings, rows=rows)
        leaving = sorted({row[2] for row in rows if row[0] == "carrier"})
        ranked = _ranked(surroundings, batches, vectors, recipe=recipe, leaving=leaving)
    return replace(surroundings, rows=rows, ranked=ranked)


def _slots(surroundings: Surroundings, batches: Sequence[Examined]) -> list[tuple[Any, ...]]:
    claimed = [(one.batch.batch_id, one.batch.claims, surroundings.context.predicates) for one in batches]
    _, assertions = knowledge(surroundings.reflection_id, claimed)
    slots = {placed(surroundings.reflection_id, row, surroundings.aliases)[0] for row in assertions}
    slots |= {expected.slot for question in surroundings.questions for expected in question.facts}
    return statements.rows(
        statement("shadow"),
        {
            "slots": sorted(slots),
            "references": sorted({reference for one in batches for reference in one.batch.references}),
            "batches": [one.batch.batch_id for one in batches],
        },
    )


def _ranked(
    surroundings: Surroundings, batches: Sequence[Examined], vectors: Vectors, *, recipe: str, leaving: Sequence[int]
) -> list[tuple[Any, ...]]:
    passages = [
        {"batch_id": one.batch.batch_id, "n": n, "text_hash": text_hash, "text": one.batch.text[start:end]}
        for one in batches
        for n, (start, end, text_hash) in enumerate(one.batch.spans)
    ]
    return statements.rows(
        statement("golden").replace("{near}", surroundings.near).replace("{vectors}", vectors[0]),
        {
            "reflection": surroundings.reflection_id,
            "recipe": recipe,
            "candidates": CANDIDATES,
            "leaving": list(leaving),
            "passages": json.dumps(passages),
            **vectors[1],
        },
    )
