"""What a stage needs beside the outputs of earlier ones: memos of its passages, the batch as it was proposed."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.judging import gather
from ingestion.outcomes import Item, Proposal
from ledger import statements
from patches.rules import Rule, Vocabulary

# The vocabulary comes along: a batch is judged and applied by the same words.
PROPOSALS = """
SELECT b.id, b.status, b.digest,
       (SELECT jsonb_agg(jsonb_build_array(p.op, p.payload) ORDER BY p.n) FROM patches_patch p WHERE p.batch_id = b.id),
       (SELECT v.rejected FROM patches_verdict v WHERE v.batch_id = b.id AND v.digest = b.digest
        ORDER BY v.id DESC LIMIT 1),
       (SELECT jsonb_object_agg(name, jsonb_build_array(cardinality, subject_types, object_types))
        FROM patches_predicate)
FROM patches_patchbatch b WHERE b.id = ANY(%(batches)s)
"""
MEMOS = """
SELECT m.stage, m.text_hash, m.data
FROM ingestion_memo m JOIN unnest(%(stages)s::text[], %(recipes)s::text[]) AS w(stage, recipe) USING (stage, recipe)
WHERE m.text_hash = ANY(%(hashes)s)
"""


def complete(items: Sequence[Item], work: "stages.StageWork", boarding: Boarding) -> list[Item]:
    """Return the items with the proposals or memos that the stage declares, or all that the gate looks at.

    At most two statements, whatever their number.
    """
    if not items:
        return []
    if "judged" in work.needs:
        return gather(items, source_id=boarding.source_id, reflection_id=boarding.reflection_id)
    if "proposal" in work.needs:
        return _with_proposals(items)
    return with_memos(items, work) if work.memos else list(items)


def _with_proposals(items: Sequence[Item]) -> list[Item]:
    parameters = {"batches": [item.batch_id for item in items]}
    found = {
        batch_id: Proposal(
            status,
            digest,
            tuple((op, payload) for op, payload in json.loads(patches or "[]")),
            frozenset(rejected or ()),
            _vocabulary(vocabulary or "{}"),
        )
        for batch_id, status, digest, patches, rejected, vocabulary in statements.rows(PROPOSALS, parameters)
    }
    return [replace(item, proposal=found[item.batch_id]) for item in items if item.batch_id is not None]


@lru_cache(maxsize=1)
def _vocabulary(text: str) -> Vocabulary:
    """The words as they came with each batch of a flight: the same text every time."""
    return {name: Rule(*rule) for name, rule in json.loads(text).items()}


def with_memos(items: Sequence[Item], work: "stages.StageWork") -> list[Item]:
    """Return the items with what the stage's memos say of their passages: one statement."""
    recipes = stages.recipes()
    hashes = {text_hash for item in items for _, _, text_hash in item.outputs["chunk"]["spans"]}
    parameters = {
        "stages": [*work.memos],
        "recipes": [recipes[name] for name in work.memos],
        "hashes": sorted(hashes),
    }
    memos: dict[str, dict[str, Any]] = defaultdict(dict, {name: {} for name in work.memos})
    for name, text_hash, data in statements.rows(MEMOS, parameters):
        memos[name][text_hash] = json.loads(data) if data is not None else True
    return [replace(item, memos=memos) for item in items]
