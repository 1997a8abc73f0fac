"""From a fact back to the bytes it was read from: assertion, passage, batch, item, payload, source, run and recipe."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingestion.models import IngestRun, StageOutput
from ledger import statements
from patches.facts import Known, View, facts
from patches.models import PatchBatch

MOST = 1_000  # pieces of evidence

# The passage in which an assertion's words stand: those of one document do not overlap by more than a few words.
PASSAGES = """
SELECT a.id, p.id, p.n, p.start, p."end", substr(p.text, a.start - p.start + 1, a."end" - a.start) = a.quote
FROM patches_assertion a
CROSS JOIN LATERAL (
  SELECT p.* FROM patches_passage p
  WHERE p.batch_id = a.batch_id AND p.start <= a.start AND p."end" >= a."end" ORDER BY p.n LIMIT 1
) p
WHERE a.id = ANY(%(assertions)s::bigint[])
"""
ITEMS = """
SELECT v.batch_id, r.external_id, s.name, s.kind, v.payload_id, p.size_bytes, c.batch_id IS NOT NULL
FROM patches_referenceversion v
JOIN handoffs_reference r ON r.id = v.reference_id JOIN handoffs_source s ON s.id = r.source_id
JOIN handoffs_payload p ON p.payload_hash = v.payload_id
LEFT JOIN patches_carrier c ON c.reference_id = v.reference_id AND c.batch_id = v.batch_id
WHERE v.batch_id = ANY(%(batches)s::bigint[]) ORDER BY v.batch_id, r.external_id COLLATE "C", v.id
"""


@dataclass(frozen=True)
class Origin:
    """Where one assertion comes from. `verbatim`: its quote stands in the stored passage, at its offsets.

    `items` are those that ever had this content, with the hash of the bytes that each was read from; `carries` says
    that it still has it. `runs` are those that made the batch, with the recipe of every stage.
    """

    assertion: int
    quote: str
    start: int
    end: int
    passage: dict[str, Any] | None
    batch: dict[str, Any]
    items: Sequence[dict[str, Any]]
    runs: Sequence[dict[str, Any]]

    @property
    def verbatim(self) -> bool:
        return bool(self.passage and self.passage["verbatim"])


def origins(fact: int) -> tuple[Known, list[Origin]] | None:
    """The fact version of this id and where each of its assertions comes from, at most MOST; None if there is none.

    A constant number of statements.
    """
    found = facts_of(fact)
    if not found:
        return None
    [known] = found
    batch_ids = sorted({said.batch for said in known.evidence})
    passages = {
        assertion: {"id": id_, "n": n, "start": start, "end": end, "verbatim": verbatim}
        for assertion, id_, n, start, end, verbatim in statements.rows(
            PASSAGES, {"assertions": [said.assertion for said in known.evidence]}
        )
    }
    batches = _batches(batch_ids)
    items, runs = _items(batch_ids), _runs(batch_ids)
    return known, [
        Origin(
            said.assertion,
            said.quote,
            said.start,
            said.end,
            passages.get(said.assertion),
            batches[said.batch],
            items[said.batch],
            runs[said.batch],
        )
        for said in known.evidence
    ]


def facts_of(fact: int) -> list[Known]:
    """The version of this id, open or closed, with all its evidence: none or one."""
    reflections = statements.rows("SELECT reflection_id FROM patches_fact WHERE id = %s", [fact])
    return [
        known
        for (reflection,) in reflections
        for known in facts(reflection, ids=[fact], seen=View(history=True), evidence=MOST)
    ]


def _batches(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    rows = PatchBatch.objects.filter(pk__in=ids).values("id", "title", "content_hash", "recipe", "status")
    return {row["id"]: dict(row) for row in rows}


def _items(batches: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    names = ("item", "source", "kind", "payload", "size_bytes", "carries")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for batch, *columns in statements.rows(ITEMS, {"batches": list(batches)}):
        found[batch].append(dict(zip(names, columns, strict=True)))
    return found


def _runs(batches: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    recipes: dict[int, dict[str, str]] = defaultdict(dict)
    outputs = StageOutput.objects.filter(run__batch__in=batches).order_by("pk")
    for run_id, stage, recipe in outputs.values_list("run", "stage", "recipe"):
        recipes[run_id][stage] = recipe
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run in IngestRun.objects.filter(batch__in=batches).order_by("pk").only("batch", "status"):
        found[run.batch_id or 0].append({"run": run.pk, "status": run.status, "recipes": recipes[run.pk]})
    return found
