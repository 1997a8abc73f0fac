"""A worker's hold on a flight: taken for one stage, compared before every write, given up with the results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from handoffs.consent import HOLDS
from ingestion.gauging import Gauge
from ingestion.models import Stage
from ingestion.outcomes import Item
from ledger import statements

ORDER = tuple(Stage.values)

# What is read of the runs is for the work alone: settling looks at them again, under their locks.
BOARD = f"""
WITH boarded AS (
  UPDATE ingestion_flight f SET worker = %(worker)s, fence = fence + 1, boarded_at = now(),
                                lease_until = now() + %(lease)s * interval '1 s'
  FROM handoffs_source s
  WHERE f.id = %(flight)s AND f.status = 'open' AND f.stage = %(stage)s AND f.worker = '' AND s.id = f.source_id
  RETURNING f.id, f.fence, f.source_id, s.reflection_id, s.paused, f.traceparent, EXISTS (
    SELECT FROM handoffs_grant g WHERE g.source_id = s.id) AND NOT EXISTS (
    SELECT FROM handoffs_grant g WHERE g.source_id = s.id AND {HOLDS}) AS withdrawn
),
items AS (
  SELECT r.id, r.handoff_id, h.reference_id, f.external_id, f.media_type, h.payload_id, h.size_bytes, r.attempts,
         coalesce(r.content_hash, ''), r.batch_id, f.metadata,
         (SELECT jsonb_object_agg(o.stage, o.data) FROM ingestion_stageoutput o
          WHERE o.run_id = r.id AND o.stage = ANY(%(needs)s)),
         r.cancel_requested, h.status = 'queued', r.flight_id
  FROM ingestion_ingestrun r
  JOIN handoffs_handoff h ON h.id = r.handoff_id JOIN handoffs_reference f ON f.id = h.reference_id
  WHERE r.flight_id = %(flight)s AND r.status = 'running' AND r.stage = %(stage)s
)
SELECT b.fence, b.source_id, b.reflection_id, b.paused, b.withdrawn, b.traceparent, items.*
FROM boarded b LEFT JOIN items ON items.flight_id = b.id ORDER BY items.id
"""  # noqa: S608  a rule of our own
# The flight's row is locked and its fence compared on that row itself; then the runs are, each on its own columns. What
# is being applied keeps the grant that it rests on: whoever withdraws it has the last word after that, and not amid it.
LEAVE = f"""
WITH allowed AS MATERIALIZED (
  SELECT id FROM handoffs_grant WHERE source_id = %(source)s AND {HOLDS} {{lock}}
),
gone AS (
  UPDATE ingestion_flight SET worker = '', stage = %(next)s, lease_until = now() + %(lease)s * interval '1 s'
  WHERE id = %(flight)s AND status = 'open' AND fence = %(fence)s
  RETURNING id
),
aboard AS (
  SELECT r.id, r.stage FROM ingestion_ingestrun r JOIN gone ON r.flight_id = gone.id WHERE r.status = 'running'
  ORDER BY r.id FOR UPDATE OF r
)
SELECT NULL::bigint, '', EXISTS (SELECT FROM handoffs_grant WHERE source_id = %(source)s)
                         AND NOT EXISTS (SELECT FROM allowed) FROM gone
UNION ALL SELECT id, stage, false FROM aboard
"""  # noqa: S608  as above


HAND_BACK = """
UPDATE ingestion_flight SET worker = '', lease_until = now()
WHERE id = %(flight)s AND status = 'open' AND fence = %(fence)s
"""


@dataclass(frozen=True)
class Boarding:
    flight_id: int
    stage: str
    worker: str
    fence: int
    source_id: int
    reflection_id: int
    traceparent: str = ""
    gauge: Gauge = field(default_factory=Gauge, compare=False, repr=False)  # measures from now on

    @property
    def next(self) -> str:
        """The stage after this one; the last stage has none but itself."""
        return ORDER[min(ORDER.index(self.stage) + 1, len(ORDER) - 1)]


@dataclass(frozen=True)
class Boarded:
    """The hold on a flight, and who goes on.

    `coming` are the handoffs that nobody had begun yet, `called_off` the runs whose end was asked for, and by whom.
    `withdrawn`: somebody allowed that the source is taken in, and nobody does any more.
    """

    hold: Boarding
    items: list[Item]
    coming: list[int]
    called_off: Mapping[int, str]
    paused: bool
    withdrawn: bool

    @property
    def asked_to_stop(self) -> bool:
        return self.paused or self.withdrawn or bool(self.called_off)


@dataclass(frozen=True)
class Aboard:
    """Who is still on the flight, locked: the runs that stand before the boarded stage, and how many stand later.

    `withdrawn`: nobody allows any more that their source is taken in.
    """

    here: frozenset[int]
    others: int
    withdrawn: bool


def board(flight_id: int, stage: str, *, worker: str, needs: Sequence[str] = ()) -> Boarded | None:
    """Take the lease for one stage; return the hold, and the runs with the outputs of the stages in `needs`.

    None for a message that is late, doubled or forged: leave the flight alone.
    """
    parameters = {"flight": flight_id, "stage": stage, "worker": worker, "lease": settings.LEASE_S, "needs": [*needs]}
    found = statements.rows(BOARD, parameters)
    if not found:
        return None
    fence, source_id, reflection_id, paused, withdrawn, traceparent = found[0][:6]
    aboard = [row[6:] for row in found if row[6] is not None]
    called_off = {run_id: asked_by for run_id, *_, asked_by, _, _ in aboard if asked_by}
    going = [row for row in aboard if row[0] not in called_off]
    return Boarded(
        Boarding(flight_id, stage, worker, fence, source_id, reflection_id, traceparent),
        items=[item_of(row[:-3]) for row in going],
        coming=[handoff_id for _, handoff_id, *_, queued, _ in going if queued],
        called_off=called_off,
        paused=paused,
        withdrawn=withdrawn,
    )


def leave(boarding: Boarding) -> Aboard | None:
    """Give up the hold, move the flight's pointer and lock its runs; None when the fence is not ours any more.

    The flight's row stays locked until the transaction ends: nobody boards before our writes are there.
    """
    parameters = {
        "flight": boarding.flight_id,
        "fence": boarding.fence,
        "next": boarding.next,
        "lease": settings.LEASE_S,
        "source": boarding.source_id,
    }
    found = statements.rows(LEAVE.replace("{lock}", "FOR SHARE" if boarding.stage == ORDER[-1] else ""), parameters)
    if not found:
        return None
    here = frozenset(run_id for run_id, stage, _ in found if stage == boarding.stage)
    return Aboard(here, len(found) - 1 - len(here), any(withdrawn for _, _, withdrawn in found))


def hand_back(boarding: Boarding) -> None:
    """Give up the hold with nothing done; the sweep rings for the flight again. Counts as no one's failure."""
    statements.run(HAND_BACK, {"flight": boarding.flight_id, "fence": boarding.fence})


def item_of(row: tuple[Any, ...]) -> Item:
    *plain, metadata, outputs = row
    found = {"metadata": json.loads(metadata), "outputs": json.loads(outputs or "{}")}  # raw jsonb comes as text
    return Item(*plain, **found)
