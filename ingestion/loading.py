"""What a stage needs of the runs aboard, read in a constant number of statements."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.outcomes import Item, Proposal
from ledger import statements

ITEMS = """
SELECT r.id, r.handoff_id, h.reference_id, f.external_id, f.media_type, h.payload_id, h.size_bytes, r.attempts,
       coalesce(r.content_hash, ''), r.batch_id,
       (SELECT jsonb_object_agg(o.stage, o.data) FROM ingestion_stageoutput o
        WHERE o.run_id = r.id AND o.stage = ANY(%(needs)s))
FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id JOIN handoffs_reference f ON f.id = h.reference_id
WHERE r.flight_id = %(flight)s AND r.status = 'running' AND r.stage = %(stage)s
ORDER BY r.id
"""
PROPOSALS = """
SELECT b.id, b.digest, (SELECT jsonb_agg(jsonb_build_array(p.op, p.payload) ORDER BY p.n)
                        FROM patches_patch p WHERE p.batch_id = b.id),
       (SELECT v.rejected FROM patches_verdict v WHERE v.batch_id = b.id AND v.digest = b.digest
        ORDER BY v.id DESC LIMIT 1)
FROM patches_patchbatch b WHERE b.id = ANY(%(batches)s)
"""
MEMOS = """
SELECT m.stage, m.text_hash, m.data, CASE WHEN %(vectors)s THEN m.vector::text END
FROM ingestion_memo m JOIN unnest(%(stages)s::text[], %(recipes)s::text[]) AS w(stage, recipe) USING (stage, recipe)
WHERE m.text_hash = ANY(%(hashes)s)
"""


def load(boarding: Boarding, work: "stages.StageWork") -> list[Item]:
    """Return the runs that stand before the boarded stage, each with what the stage declares that it needs."""
    found = statements.rows(
        ITEMS, {"flight": boarding.flight_id, "stage": boarding.stage, "needs": [*work.needs]}
    )
    items = [Item(*row[:-1], outputs=_json(row[-1])) for row in found]
    if "proposal" in work.needs and items:
        items = _with_proposals(items)
    return _with_memos(items, work) if work.memos and items else items


def _with_proposals(items: Sequence[Item]) -> list[Item]:
    found = statements.rows(PROPOSALS, {"batches": [item.batch_id for item in items]})
    proposals = {
        batch_id: Proposal(digest, tuple((op, payload) for op, payload in _json(patches) or []), frozenset(rejected or ()))
        for batch_id, digest, patches, rejected in found
    }
    return [replace(item, proposal=proposals[item.batch_id]) for item in items if item.batch_id is not None]


def _with_memos(items: Sequence[Item], work: "stages.StageWork") -> list[Item]:
    recipes = stages.recipes()
    found = statements.rows(
        MEMOS,
        {
            "stages": [*work.memos],
            "recipes": [recipes[name] for name in work.memos],
            "hashes": sorted({text_hash for item in items for text_hash in _hashes(item)}),
            "vectors": work.name == "apply",
        },
    )
    memos: dict[str, dict[str, Any]] = defaultdict(dict, {name: {} for name in work.memos})
    for name, text_hash, data, vector in found:
        memos[name][text_hash] = _json(data) if data is not None else vector
    return [replace(item, memos=memos) for item in items]


def _hashes(item: Item) -> Iterable[str]:
    """The texts that the item's passages are made of: as chunked in this run, or as its batch has them."""
    if "chunk" in item.outputs:
        return (text_hash for _, _, text_hash in item.outputs["chunk"]["spans"])
    if item.proposal:
        return (
            text_hash
            for op, payload in item.proposal.patches
            if op == "put_passages"
            for _, _, text_hash in payload["spans"]
        )
    return ()


def _json(value: str | Mapping[str, Any] | None) -> Any:
    """Django hands over raw jsonb as text."""
    return json.loads(value) if isinstance(value, str) else (value or {})
