"""What flights take of the machine at each stage, kept with a stage's settlement, and what of it was one run's.

The time and the CPU time of a visit are shared among its runs by their weights: each counts once, and beside that by
its payload's bytes where stages read (fetch, chunk), by the passages that nobody had looked at before where they ask
models (embed, entity, fact), by its patches where those are judged and applied. Who waited, waited all of it, and the
memory was the process's: neither is shared.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.boarding import Boarding
from ingestion.outcomes import Done, Failed, Outcome
from ledger import statements
from ledger.lifecycle import Aside

RUNS_MOST = 100  # visits of one run that are told: the latest

KEEP = """
INSERT INTO ingestion_visit (flight_id, source_id, stage, ended_at, waited_s, took_s, cpu_s, peak_bytes, size_bytes,
                             runs, weights, items, failures)
SELECT f.id, f.source_id, %s, clock_timestamp(),
       greatest(0, extract(epoch FROM f.boarded_at - coalesce(
         (SELECT max(v.ended_at) FROM ingestion_visit v WHERE v.flight_id = f.id), f.created_at))),
       %s, %s, %s, %s, %s::bigint[], %s::bigint[], %s::int[], %s::jsonb
FROM ingestion_flight f WHERE f.id = %s
"""
OF_RUN = """
SELECT v.stage, v.flight_id, v.ended_at, v.waited_s, v.took_s * s.share, v.cpu_s * s.share, v.peak_bytes, s.items,
       s.aboard
FROM ingestion_visit v CROSS JOIN LATERAL (
  SELECT v.weights[n]::float / (SELECT sum(weight) FROM unnest(v.weights) AS w(weight)) AS share, v.items[n] AS items,
         cardinality(v.runs) AS aboard
  FROM (SELECT array_position(v.runs, %(run)s::bigint) AS n) place
) s
WHERE v.runs @> ARRAY[%(run)s::bigint] ORDER BY v.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class Used:
    """What a run took in one visit to a stage: its share of the time and CPU time of all `aboard`.

    `waited_s`, for a worker, and `peak_bytes`, of the worker's process, are the flight's.
    """

    stage: str
    flight: int
    ended_at: datetime
    waited_s: float
    took_s: float
    cpu_s: float
    peak_bytes: int
    items: int
    aboard: int


def taken(boarding: Boarding, found: Sequence[Outcome]) -> Aside | None:
    """What writes down what the stage took so far, and for whom: no statement of its own; None where nobody was."""
    outcomes = {one.item.run_id: one for one in found}  # one that failed in settling stands there twice: that counts
    if not outcomes:
        return None
    failed = Counter(one.failure.kind for one in outcomes.values() if isinstance(one, Failed))
    use = boarding.gauge.read()
    size = sum(one.item.size_bytes for one in outcomes.values())
    weights = [1 + _work(one) for one in outcomes.values()]
    items = [_items(one) for one in outcomes.values()]
    measured = [use.took_s, use.cpu_s, use.peak_bytes, size, list(outcomes), weights, items, json.dumps(failed)]
    return Aside(KEEP, [boarding.stage, *measured, boarding.flight_id])


def of_run(run_id: int) -> list[Used]:
    """What the run took in each of its visits, the first one first; of very many the latest."""
    found = statements.rows(OF_RUN, {"run": run_id, "most": RUNS_MOST})
    return [Used(*row) for row in reversed(found)]


def _work(one: Outcome) -> int:
    """How much there was to do for the run: new results where models were asked, patches, or bytes."""
    item = one.item
    if item.examined or item.proposal:
        return _items(one)
    return len(one.memos) if "chunk" in item.outputs else item.size_bytes


def _items(one: Outcome) -> int:
    """The pieces that the stage had of the run: its patches, its passages, or the one text."""
    item = one.item
    if item.examined:
        return len(item.examined.batch.patches)
    if item.proposal:
        return len(item.proposal.patches)
    made: Any = one.output if isinstance(one, Done) else {}
    spans = item.outputs.get("chunk", made).get("spans")
    return 1 if spans is None else len(spans)
