"""Move runs on to their next stage, with what the finished one left for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingestion.metering import FREE
from ingestion.models import Spending
from ingestion.outcomes import Done, Failed, Outcome
from ledger import statements
from ledger.lifecycle import Aside, Step, take

# Outputs and memos are written with the move, so a run never stands before a stage whose inputs are missing. Who got
# past the stage at which a worker died did not kill it, and may fly with others again.
ONWARD = """
WITH given AS (
  SELECT * FROM unnest(%(runs)s::bigint[], %(to)s::text[], %(hashes)s::text[], %(batches)s::bigint[], %(data)b::jsonb[])
    AS g(id, stage, content_hash, batch_id, data)
),
left_behind AS (
  INSERT INTO ingestion_stageoutput (run_id, stage, recipe, data)
  SELECT id, %(stage)s, %(recipe)s, data FROM given
  ON CONFLICT (run_id, stage) DO UPDATE SET recipe = EXCLUDED.recipe, data = EXCLUDED.data
)
UPDATE ingestion_ingestrun r
SET stage = given.stage, alone = false, content_hash = coalesce(given.content_hash, r.content_hash),
    batch_id = coalesce(given.batch_id, r.batch_id)
FROM given WHERE r.id = given.id
"""
MEMOS = """
INSERT INTO ingestion_memo (stage, recipe, text_hash, data)
SELECT %(stage)s, %(recipe)s, text_hash, data FROM unnest(%(hashes)s::text[], %(data)b::jsonb[]) AS m(text_hash, data)
ON CONFLICT DO NOTHING
"""
VECTORS = """
INSERT INTO ingestion_memo (stage, recipe, text_hash, vector)
SELECT %(stage)s, %(recipe)s, text_hash, vector
FROM unnest(%(hashes)s::text[], %(vectors)b::vector[]) AS m(text_hash, vector)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Onward:
    """A run that goes on: to which stage, and what the run's row learns.

    One that is `parked` stands before that stage but leaves the flight: its move is among the steps.
    """

    done: Done
    to: str
    content_hash: str | None = None
    batch_id: int | None = None
    parked: bool = False


def move_on(going: Sequence[Onward], *, stage: str, recipe: str) -> None:
    """Store the outputs and set each run before its next stage. Needs their locks."""
    if not going:
        return
    statements.run(
        ONWARD,
        {
            "stage": stage,
            "recipe": recipe,
            "runs": [onward.done.item.run_id for onward in going],
            "to": [onward.to for onward in going],
            "hashes": [onward.content_hash for onward in going],
            "batches": [onward.batch_id for onward in going],
            "data": [json.dumps(onward.done.output) for onward in going],
        },
    )


def keep(found: Sequence[Outcome], *, stage: str, recipe: str) -> None:
    """Store the new memos, of failed runs too, and what they cost. Needs a transaction; no statement for nothing."""
    remember({k: v for one in found for k, v in one.memos.items()}, stage=stage, recipe=recipe)
    costs = [
        Spending(run_id=one.item.run_id, stage=stage, recipe=recipe, **vars(one.spent))
        for one in found
        if one.spent != FREE
    ]
    if costs:
        Spending.objects.bulk_create(costs)


def remember(memos: Mapping[str, Any], *, stage: str, recipe: str) -> None:
    """Keep new results for every later run with the same text, in the order of their hashes."""
    if not memos:
        return
    hashes = sorted(memos)
    found = [memos[text_hash] for text_hash in hashes]
    given = {"stage": stage, "recipe": recipe, "hashes": hashes}
    if isinstance(found[0], np.ndarray):
        statements.run(VECTORS, given | {"vectors": found})
    else:
        statements.run(MEMOS, given | {"data": [json.dumps(one) for one in found]})


@dataclass(frozen=True)
class Settled:
    """What a stage's settlement decided: whose outputs are kept, the moves to make, and who failed.

    With `must_move` the steps move exactly that many rows, or the whole transaction is rolled back.
    """

    onward: Sequence[Onward] = ()
    steps: Sequence[Step] = ()
    failed: Sequence[Failed] = ()
    must_move: int = 0


class Unmoved(Exception):
    """A row that had to move was not where it was seen to be."""


def take_all(
    steps: Sequence[Step], *, must_move: int = 0, beside: Sequence[Step] = (), aside: Aside | None = None
) -> None:
    """Take the steps, and those beside them, in one statement. Raises Unmoved if `steps` moved fewer than they must."""
    moved = take(*steps, *beside, aside=aside) if steps or beside else []
    if aside and not (steps or beside):
        statements.run(aside.sql, aside.parameters)
    if sum(map(len, moved[: len(steps)])) < must_move:
        raise Unmoved
