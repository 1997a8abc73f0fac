"""One content is ingested once per source: the first run to read it claims it, the others wait or are done."""

from collections import defaultdict
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
from ingestion.progress import Onward, Settled
from ledger import statements
from ledger.lifecycle import FromNow, Step
from ledger.reasons import Reason
from patches.carriers import Carriage, carry, note_said
from patches.evaluation.policy import DEFAULT
from patches.lifecycles import BATCH
from patches.models import PatchBatch

CLAIM_LOCK = 7_304_513

# Who holds the contents: active runs, batches of this recipe, and where there is none the last one of another recipe if
# a person took it back. The share lock keeps an applied batch from being retired while this transaction adds a carrier.
HOLDERS = """
WITH batches AS MATERIALIZED (
  SELECT b.content_hash, b.id, b.reflection_id, b.status, b.reason FROM patches_patchbatch b
  WHERE b.source_id = %(source)s AND b.content_hash = ANY(%(hashes)s) AND b.status <> 'purged' AND (
    b.recipe = %(recipe)s OR (b.status = 'reverted' AND NOT EXISTS (
      SELECT FROM patches_patchbatch o
      WHERE o.source_id = b.source_id AND o.content_hash = b.content_hash
        AND (o.recipe = %(recipe)s AND o.status <> 'purged'
             OR (o.id > b.id AND o.status IN ('applied', 'superseded', 'reverted'))))))
  ORDER BY b.id FOR SHARE
)
SELECT content_hash, NULL, id, CASE WHEN status = 'rejected' AND (reason = 'review_expired' OR reason = 'gate_rejected'
    AND (SELECT v.policy_digest FROM patches_verdict v WHERE v.batch_id = batches.id ORDER BY v.id DESC LIMIT 1) <>
      coalesce((SELECT p.digest FROM patches_gatepolicy p WHERE p.reflection_id = batches.reflection_id
                ORDER BY p.version DESC LIMIT 1), %(default_policy)s)) THEN 'anew' ELSE status END,
  (SELECT max(r.id) FROM ingestion_ingestrun r WHERE r.batch_id = batches.id AND r.status = 'completed')
FROM batches
UNION ALL
SELECT content_hash, id, NULL, '', NULL FROM ingestion_ingestrun
WHERE source_id = %(source)s AND content_hash = ANY(%(hashes)s) AND status = ANY(%(active)s)
"""
# Where a batch that exists already lets its next run begin. `anew`: it was rejected, but not for good.
RESUME = {"proposed": "eval", "in_review": "eval", "anew": "eval", "approved": "apply", "superseded": "apply"}


@dataclass
class Sorted:
    """Where the runs of a flight go once their contents are known."""

    onward: list[Onward] = field(default_factory=list)
    duplicates: dict[int, tuple[Item, str, int, int]] = field(default_factory=dict)  # content hash, batch, run
    waiting: dict[int, int] = field(default_factory=dict)  # run → the run it waits for
    refused: dict[Reason, list[Item]] = field(default_factory=lambda: defaultdict(list))
    taken_back: list[Carriage] = field(default_factory=list)
    anew: list[int] = field(default_factory=list)  # batches


def settle(boarding: Boarding, done: Sequence[Done]) -> Settled:
    """Claim the contents that nobody has; end or hold back the runs whose content somebody has.

    Claims of one source are serialised by an advisory lock; behind it stands the unique constraint on active runs.
    """
    if not done:
        return Settled()
    statements.rows("SELECT pg_advisory_xact_lock(%s, %s)", [CLAIM_LOCK, boarding.source_id])
    found = _sort(boarding, done)
    note_said(found.taken_back)
    carry(
        [
            (item.reference_id, batch_id, content, item.payload_hash)
            for item, content, batch_id, _ in found.duplicates.values()
        ]
    )
    anew = PatchBatch.objects.filter(pk__in=found.anew)
    told: dict[str, Any] = {"to": "proposed", "reason": Reason.JUDGED_ANEW, "by": boarding.worker}
    again = [BATCH.step(anew, was={"rejected"}, **told)] if found.anew else []
    return Settled(found.onward, [*again, *_steps(found, by=boarding.worker)])


def _sort(boarding: Boarding, done: Sequence[Done]) -> Sorted:
    parameters: dict[str, Any] = {
        "source": boarding.source_id,
        "hashes": sorted({one.output["content_hash"] for one in done}),
        "active": sorted(ACTIVE),
        "recipe": stages.pipeline_recipe(),
        "default_policy": DEFAULT.digest,
    }
    claimed: dict[str, int] = {}
    batches: dict[str, tuple[int, str, int | None]] = {}
    for content, run_id, batch_id, status, completed in statements.rows(HOLDERS, parameters):
        if run_id:
            claimed[content] = run_id
        else:
            batches[content] = (batch_id, status, completed)
    found = Sorted(anew=[batch_id for batch_id, status, _ in batches.values() if status == "anew"])
    for one in sorted(done, key=lambda one: one.item.run_id):
        item, content = one.item, one.output["content_hash"]
        known, status, completed = batches.get(content, (None, "", None))
        if known and status == "applied" and completed:
            found.duplicates[item.run_id] = (item, content, known, completed)
        elif claimed.get(content, item.run_id) != item.run_id:
            found.waiting[item.run_id] = claimed[content]
            found.onward.append(Onward(one, boarding.stage))  # what was read need not be read again
        elif known and status == "reverted":
            found.refused[Reason.REVERTED].append(item)
            found.taken_back.append((item.reference_id, known, content, item.payload_hash))
        elif status == "rejected":
            found.refused[Reason.GATE_REJECTED].append(item)
        else:
            claimed[content] = item.run_id
            found.onward.append(Onward(one, RESUME.get(status, boarding.next), content, known))
    return found


def _steps(found: Sorted, *, by: str) -> list[Step]:
    """The moves of the runs that do not go on, and of their handoffs."""

    def runs(ids: Any) -> Any:
        return IngestRun.objects.filter(pk__in=list(ids))

    def handoffs(items: Any) -> Any:
        return Handoff.objects.filter(pk__in=[item.handoff_id for item in items])

    duplicates = [item for item, *_ in found.duplicates.values()]
    steps: list[Step] = []
    if duplicates:
        originals = {run_id: run for run_id, (*_, run) in found.duplicates.items()}
        told: dict[str, Any] = {"reason": Reason.ALREADY_APPLIED, "by": by}
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
    for reason, items in found.refused.items():
        told = {"reason": reason, "by": by}
        steps += [
            RUN.step(runs(item.run_id for item in items), was={"running"}, to="eval_rejected", **told),
            HANDOFF.step(handoffs(items), was={"ingesting"}, to="rejected", **told),
        ]
    return steps
