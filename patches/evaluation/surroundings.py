"""What surrounds a flight before the gate: one look at the store for all of its batches."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ledger import statements
from patches.asserting import knowledge
from patches.evaluation.context import Baseline, Context
from patches.evaluation.judging import Examined, Judgement, judge
from patches.evaluation.policy import Policy, read
from patches.evaluation.shadow import Aliases, Shadow, placed, standing
from patches.rules import Rule
from patches.sql import statement

# A scalar query, to stand in the statement that loads the batches: their source's reflection, policy and recent past.
AROUND = statement("surroundings")


@dataclass(frozen=True)
class Surroundings:
    """`seq` is the apply number up to which the store was looked at; `rows` are those of sql/shadow.sql."""

    reflection_id: int
    policy: Policy
    context: Context
    seq: int = 0
    rows: Sequence[tuple[Any, ...]] = ()
    aliases: Aliases = field(default_factory=dict)

    def judge(self, batches: Iterable[Examined]) -> Iterable[Judgement]:
        """Judge one batch after the other; each sees what was approved before it."""
        shadow = self.shadow()
        for batch in batches:
            yield judge(batch, self.context, self.policy, shadow, seq=self.seq)

    def shadow(self) -> Shadow:
        return Shadow(self.reflection_id, *standing(self.rows), self.aliases)


def around(reflection_id: int, told: Mapping[str, Any]) -> Surroundings:
    """What sql/surroundings.sql answered; the slots are not looked at yet."""
    policy = told["policy"] or {"body": {}}
    centroid = json.loads(told["centroid"] or "[]")
    vocabulary = {name: Rule(*rule) for name, rule in (told["vocabulary"] or {}).items()}
    baseline = Baseline(told["passages"] or (), told["predicates"] or {}, centroid)
    context = Context(vocabulary, baseline, told["open_facts"])
    named = {key: policy[key] for key in ("name", "version") if key in policy}
    aliases = {UUID(entity): (UUID(id_), key, name) for entity, (id_, key, name) in (told["aliases"] or {}).items()}
    return Surroundings(reflection_id, read(policy["body"], **named), context, told["seq"], aliases=aliases)


def slots_around(surroundings: Surroundings, batches: Sequence[Examined]) -> list[tuple[Any, ...]]:
    """What the store holds where the batches touch it: one statement."""
    claimed = [(one.batch.batch_id, one.batch.claims, surroundings.context.predicates) for one in batches]
    _, assertions = knowledge(surroundings.reflection_id, claimed)
    return statements.rows(
        statement("shadow"),
        {
            "slots": sorted({placed(surroundings.reflection_id, row, surroundings.aliases)[0] for row in assertions}),
            "references": sorted({reference for one in batches for reference in one.batch.references}),
            "batches": [one.batch.batch_id for one in batches],
        },
    )
