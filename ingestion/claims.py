"""One content is ingested once per source: the first run to read it claims it, the others wait or are done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion import stages
from ingestion.boarding import Boarding
from ingestion.lifecycles import ACTIVE, RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Done, Item
from ingestion.progress import Onward, move_on
from ledger import statements
from ledger.lifecycle import FromNow, take
from ledger.reasons import Reason
from patches.carriers import carry, note_loose

CLAIM_LOCK = 7_304_513

CLAIMED = """
SELECT content_hash, id FROM ingestion_ingestrun
WHERE source_id = %(source)s AND content_hash = ANY(%(hashes)s) AND status = ANY(%(active)s)
"""
# The share lock keeps an applied batch from being retired while this transaction adds a carrier to it.
BATCHES = """
SELECT b.content_hash, b.id, b.status,
       (SELECT max(r.id) FROM ingestion_ingestrun r WHERE r.batch_id = b.id AND r.status = 'completed')
FROM patches_patchbatch b
WHERE b.source_id = %(source)s AND b.content_hash = ANY(%(hashes)s) AND b.recipe = %(recipe)s
ORDER BY b.id FOR SHARE OF b
"""
# Where a batch that exists already lets its next run begin.
RESUME = {"proposed": "eval", "approved": "apply", "superseded": "apply"}


@dataclass
class Sorted:
    """Where the runs of a flight go once their contents are known."""

    onward: list[Onward] = field(default_factory=list)
    duplicates: dict[int, tuple[Item, str, int, int]] = field(default_factory=dict)  # content hash, batch, run
    waiting: dict[int, int] = field(default_factory=dict)  # run → the run it waits for
    rejected: list[Item] = field(default_factory=list)


def settle(boarding: Boarding, done: Sequence[Done]) -> list[Onward]:
    """Claim the contents that nobody has; end or hold back the runs whose content somebody has.

    Claims of one source are serialised by an advisory lock; the unique constraint on active runs is the guard behind it.
    """
    if not done:
        return []
    statements.rows("SELECT pg_advisory_xact_lock(%s, %s)", [CLAIM_LOCK, boarding.source_id])
    found = _sort(boarding, done)
    waiting = [Onward(one, "fetch") for one in done if one.item.run_id in found.waiting]
    move_on(waiting, stage="fetch", recipe=stages.recipes()["fetch"])  # what was read need not be read again
    _end(found, by=boarding.worker)
    carriers = [
        (item.reference_id, batch_id, content, item.payload_hash)
        for item, content, batch_id, _ in found.duplicates.values()
    ]
    if left_behind := carry(carriers):
        note_loose(left_behind)
    return found.onward


def _sort(boarding: Boarding, done: Sequence[Done]) -> Sorted:
    parameters: dict[str, Any] = {
        "source": boarding.source_id,
        "hashes": sorted({one.output["content_hash"] for one in done}),
        "active": sorted(ACTIVE),
        "recipe": stages.pipeline_recipe(),
    }
    claimed = dict(statements.rows(CLAIMED, parameters))
    batches = {content: tuple(batch) for content, *batch in statements.rows(BATCHES, parameters)}
    found = Sorted()
    for one in sorted(done, key=lambda one: one.item.run_id):
        item, content = one.item, one.output["content_hash"]
        batch_id, status, completed = batches.get(content, (None, "", None))
        if status == "applied" and completed:
            found.duplicates[item.run_id] = (item, content, batch_id, completed)
        elif claimed.get(content, item.run_id) != item.run_id:
            found.waiting[item.run_id] = claimed[content]
        elif status in ("rejected", "reverted"):
            found.rejected.append(item)
        else:
            claimed[content] = item.run_id
            found.onward.append(Onward(one, RESUME.get(status, "chunk"), content, batch_id))
    return found


def _end(found: Sorted, *, by: str) -> None:
    """Move the runs that do not go on, and their handoffs, in one statement."""

    def runs(ids: Any) -> Any:
        return IngestRun.objects.filter(pk__in=list(ids))

    def handoffs(items: Any) -> Any:
        return Handoff.objects.filter(pk__in=[item.handoff_id for item in items])

    duplicates = [item for item, *_ in found.duplicates.values()]
    steps = []
    if duplicates:
        originals = {run_id: run for run_id, (*_, run) in found.duplicates.items()}
        told = {"reason": Reason.ALREADY_APPLIED, "by": by}
        steps += [
            RUN.step(runs(originals), was={"running"}, to="duplicate_skipped", duplicate_of=originals, **told),
            HANDOFF.step(handoffs(duplicates), was={"ingesting"}, to="skipped", **told),
        ]
    if found.waiting:
        steps.append(
            RUN.step(
                runs(found.waiting),
                was={"running"},
                to="pending",
                reason=Reason.CONTENT_CLAIMED,
                by=by,
                waits_for=found.waiting,
                next_attempt_at=FromNow(),
                flight=None,
            )
        )
    if found.rejected:
        told = {"reason": Reason.GATE_REJECTED, "by": by}
        steps += [
            RUN.step(runs(item.run_id for item in found.rejected), was={"running"}, to="eval_rejected", **told),
            HANDOFF.step(handoffs(found.rejected), was={"ingesting"}, to="rejected", **told),
        ]
    if steps:
        take(*steps)
