"""What the gate needs of a flight: each batch with its text and vectors, and one look at what surrounds them all."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from ingestion import stages
from ingestion.boarding import item_of
from ingestion.golden import refresh
from ingestion.outcomes import Item
from ingestion.passages import VECTORS
from ledger import statements
from patches.differences import Difference, would_make
from patches.evaluation.context import Judged, Vectors
from patches.evaluation.judging import Judgement, examine
from patches.evaluation.surroundings import AROUND, around, look

# The surroundings come with the first row alone: they are the same for all, as a flight is of one source.
BATCHES = f"""
SELECT b.id, b.digest, b.title, s.trust, b.reflection_id,
       (SELECT jsonb_agg(jsonb_build_array(p.op, p.payload) ORDER BY p.n) FROM patches_patch p WHERE p.batch_id = b.id),
       (SELECT jsonb_build_array(count(*), count(*) - count(m.vector),
                                 coalesce(max(abs(vector_norm(m.vector) - 1)), 0), avg(m.vector)::text)
        FROM patches_patch p CROSS JOIN LATERAL jsonb_array_elements(p.payload -> 'spans') span
        LEFT JOIN ingestion_memo m ON m.text_hash = span ->> 2 AND m.stage = 'embed' AND m.recipe = %(recipe)s
        WHERE p.batch_id = b.id AND p.op = 'put_passages'),
       CASE WHEN row_number() OVER (ORDER BY b.id) = 1 THEN {AROUND} END
FROM patches_patchbatch b JOIN handoffs_source s ON s.id = b.source_id
WHERE b.id = ANY(%(batches)s) ORDER BY b.id
"""  # noqa: S608  our own statements

# The newest run of each batch: it has the text, and knows whose it is.
NEWEST = """
SELECT b.source_id, b.reflection_id, r.id, r.handoff_id, h.reference_id, f.external_id, f.media_type, h.payload_id,
       h.size_bytes, r.attempts, coalesce(r.content_hash, ''), b.id, f.metadata, jsonb_build_object('fetch', r.fetched)
FROM patches_patchbatch b
JOIN LATERAL (SELECT r.*, o.data AS fetched FROM ingestion_ingestrun r
              JOIN ingestion_stageoutput o ON o.run_id = r.id AND o.stage = 'fetch'
              WHERE r.batch_id = b.id ORDER BY r.id DESC LIMIT 1) r ON true
JOIN handoffs_handoff h ON h.id = r.handoff_id JOIN handoffs_reference f ON f.id = h.reference_id
WHERE b.id = ANY(%(batches)s) ORDER BY b.source_id, b.id
"""


def gather(items: Sequence[Item], *, source_id: int, reflection_id: int) -> list[Item]:
    """Return the items with their batches and surroundings: two statements, whatever their number."""
    recipe = stages.recipes()["embed"]
    which = {"batches": [item.batch_id for item in items], "recipe": recipe}
    rows = statements.rows(BATCHES, {**which, "source": source_id, "reflection": reflection_id})
    if not rows:
        return list(items)
    told = json.loads(rows[0][-1])
    failure = refresh([one["id"] for one in told["golden"] or () if one["documents"] and one["recipe"] != recipe])
    surroundings = replace(around(reflection_id, told), failure=failure)
    found = {row[0]: row for row in rows}
    examined = {
        item.run_id: examine(_judged(item, found[item.batch_id]), surroundings.context)
        for item in items
        if item.batch_id in found
    }
    vectors = (VECTORS, {"embed_recipe": recipe})
    surroundings = look(surroundings, list(examined.values()), vectors=vectors, recipe=recipe)
    return [replace(item, examined=examined[item.run_id], around=surroundings) for item in items]


def _judged(item: Item, row: tuple[Any, ...]) -> Judged:
    batch_id, digest, title, trust, _, patches, vectors, _ = row
    document = item.outputs["fetch"]
    passages, missing, deviation, centroid = json.loads(vectors)
    return Judged(
        batch_id,
        digest,
        document["text"],
        [(op, payload) for op, payload in json.loads(patches or "[]")],
        title=title,
        name=item.external_id,
        dated=document.get("dated"),
        trust=trust,
        references=frozenset({item.reference_id}),
        vectors=Vectors(passages, missing, deviation, json.loads(centroid or "[]")),
    )


def before_the_gate(batch_ids: Sequence[int]) -> Iterator[list[Item]]:
    """Yield batches that were proposed before as they stand before the gate now, those of one source together.

    Those of which no run has a text any more are missing. Two or three statements for each source.
    """
    rows = statements.rows(NEWEST, {"batches": list(batch_ids)})
    for (source_id, reflection_id), of in groupby(rows, lambda row: (row[0], row[1])):
        yield gather([item_of(row[2:]) for row in of], source_id=source_id, reflection_id=reflection_id)


def again(batch_ids: Sequence[int]) -> dict[int, Judgement]:
    """Judge batches as the store is now, each by itself; nothing is written. What is missing cannot be judged."""
    return {judgement.batch_id: judgement for _, judgement in _again(batch_ids)}


def would_change(batch_id: int) -> tuple[Judgement, Difference] | None:
    """What the gate says of a batch now, and what it would change; None of one that cannot be judged."""
    found = next(_again([batch_id]), None)
    return found and (found[1], would_make(found[1], found[0].patches))


def _again(batch_ids: Sequence[int]) -> Iterator[tuple[Judged, Judgement]]:
    for items in before_the_gate(batch_ids):
        for item in items:
            if item.around and item.examined:
                [judgement] = item.around.judge([item.examined])
                yield item.examined.batch, judgement
