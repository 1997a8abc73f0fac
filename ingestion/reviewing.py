"""What the gate asks a person about: let in, refused, or given up when nobody decides in time.

A person's word is a verdict of its own, with the name and the reason, on exactly the patches that were judged. It
stands in for the gate where the gate asked, and never against what the gate refuses.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet

from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff
from ingestion.judging import again
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun, Stage
from ledger import statements
from ledger.crashpoints import reached
from ledger.deeds import Answer, Page, in_pages
from ledger.lifecycle import FromNow, take
from ledger.reasons import Reason
from patches.evaluation.judging import Judgement
from patches.evaluation.verdicts import written
from patches.lifecycles import BATCH
from patches.models import Patch, PatchBatch, Verdict

# The batch is locked first, as the eval stage does; of the runs that waited for it one at most is active.
LOCKED = "SELECT id, status FROM patches_patchbatch WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
WAITING = """
SELECT r.batch_id, r.id, r.handoff_id FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
WHERE r.batch_id = ANY(%(ids)s) AND r.status = 'in_review' AND h.status = 'held' ORDER BY r.id FOR UPDATE OF r
"""
# What was found stays as it was found; the decision, the name and the words are the person's.
REFUSE = """
INSERT INTO patches_verdict (batch_id, digest, decision, policy, policy_digest, recipe, seq, checks, rejected, held, by,
                             why)
SELECT b.id, b.digest, 'reject', v.policy, v.policy_digest, v.recipe, v.seq, v.checks, v.rejected, v.held, %(by)s,
       %(why)s
FROM patches_patchbatch b CROSS JOIN LATERAL (
  SELECT * FROM patches_verdict WHERE batch_id = b.id AND digest = b.digest ORDER BY id DESC LIMIT 1) v
WHERE b.id = ANY(%(ids)s)
"""

Waiting = Mapping[int, tuple[int, int]]


class Unclear(ValueError):
    """A person decides with a reason, in words, on patches that are there."""


def approve(
    batches: QuerySet[PatchBatch], why: str, *, by: str, without: Collection[int] = (), dry_run: bool = False
) -> Answer:
    """Let batches in that wait for a person; their runs go on to apply. Patches `without` stay out.

    Each is judged again as the store is now. Refused are those that fail a check which no person can pass over, those
    that are not in review, and those that nobody waits for: their document has changed since, or is gone. Raises
    Unclear without words, or for patches that are not claims of the batch.
    """
    if without:
        claims = Patch.objects.filter(batch__in=batches, n__in=without, op=Patch.Op.ASSERT_FACT)
        if batches.count() != 1 or claims.count() != len(set(without)):
            raise Unclear("patches that stay out are claims of the one batch that is approved")
    return _decided(batches, why, approving(by=by, why=why, without=without), dry_run=dry_run)


def approving(*, by: str, why: str, without: Collection[int] = ()) -> Page:
    """As `approve`, for a page of batches."""
    return lambda ids: _approve(ids, why, by=by, without=without)


def reject(batches: QuerySet[PatchBatch], why: str, *, by: str, dry_run: bool = False) -> Answer:
    """Keep batches out that wait for a person, for good: the same content is refused when it comes again.

    Raises Unclear without words.
    """
    return _decided(batches, why, rejecting(by=by, why=why), dry_run=dry_run)


def rejecting(*, by: str, why: str) -> Page:
    """As `reject`, for a page of batches."""

    def page(ids: list[int]) -> Answer:
        waiting, left = _look(ids)
        found = sorted(set(ids) - set(left))
        statements.run(REFUSE, {"ids": found, "by": by, "why": why})
        return Answer(
            {"rejected": _end(found, waiting, Reason.PERSON_REJECTED, by=by, note=why)}, {"not_in_review": left}
        )

    return page


def expire(batch_ids: Sequence[int], *, by: str) -> list[int]:
    """Give up what nobody decided; return the batches that were still in review. Needs a transaction."""
    waiting, left = _look(batch_ids)
    return _end(sorted(set(batch_ids) - set(left)), waiting, Reason.REVIEW_EXPIRED, by=by)


def _decided(batches: QuerySet[PatchBatch], why: str, page: Page, *, dry_run: bool) -> Answer:
    if not why.strip():
        raise Unclear("say why, in words")
    return in_pages(batches, page, dry_run=dry_run)


def _look(ids: Sequence[int]) -> tuple[Waiting, list[int]]:
    """Lock the batches and the runs that wait for them: batch → (run, handoff), and who is not in review."""
    status = dict(statements.rows(LOCKED, {"ids": list(ids)}))
    waiting = {batch: (run, handoff) for batch, run, handoff in statements.rows(WAITING, {"ids": list(ids)})}
    return waiting, [pk for pk in ids if status.get(pk) != "in_review"]


def _approve(ids: Sequence[int], why: str, *, by: str, without: Collection[int]) -> Answer:
    waiting, left = _look(ids)
    open_ = [pk for pk in ids if pk not in set(left)]
    judged = again([pk for pk in open_ if pk in waiting])
    fails = [one for one in judged.values() if one.decision == Verdict.Decision.REJECT]
    if fails:
        written(fails)  # what the gate says now, for the person to see
    passed = [_with(one, without) for one in judged.values() if one.decision != Verdict.Decision.REJECT]
    if passed:
        written(passed, by=by, why=why)
    digests = {one.batch_id: one.digest for one in passed}
    told: dict[str, Any] = {"reason": Reason.PERSON_APPROVED, "by": by, "note": why}
    runs = IngestRun.objects.filter(pk__in=[waiting[pk][0] for pk in digests])
    handoffs = Handoff.objects.filter(pk__in=[waiting[pk][1] for pk in digests])
    if digests:
        rows = PatchBatch.objects.filter(pk__in=list(digests))
        take(
            BATCH.step(rows, was={"in_review"}, to="approved", approved_digest=digests, **told),
            RUN.step(runs, was={"in_review"}, to="pending", stage=Stage.APPLY, next_attempt_at=FromNow(), **told),
            HANDOFF.step(handoffs, was={"held"}, to="pending", **told),
        )
    reached("approve.before_commit")
    return Answer(
        {"approved": sorted(digests)},
        {
            "fails_a_check_now": sorted(one.batch_id for one in fails),
            "nobody_waits_for_it": [pk for pk in open_ if pk not in judged],
            "not_in_review": left,
        },
    )


def _with(judgement: Judgement, without: Collection[int]) -> Judgement:
    """The judgement as the person's: approved, less the patches that stay out."""
    rejected = sorted({*judgement.rejected, *without})
    return replace(judgement, decision=Verdict.Decision.APPROVE, rejected=rejected)


def _end(batch_ids: Sequence[int], waiting: Waiting, reason: Reason, *, by: str, note: str = "") -> list[int]:
    """Reject the batches, and end the runs and handoffs that waited for them; return the batches."""
    told: dict[str, Any] = {"reason": reason, "by": by, "note": note}
    runs = IngestRun.objects.filter(pk__in=[waiting[pk][0] for pk in batch_ids if pk in waiting])
    handoffs = Handoff.objects.filter(pk__in=[waiting[pk][1] for pk in batch_ids if pk in waiting])
    moved, *_ = take(
        BATCH.step(PatchBatch.objects.filter(pk__in=batch_ids), was={"in_review"}, to="rejected", **told),
        RUN.step(runs, was={"in_review"}, to="eval_rejected", **told),
        HANDOFF.step(handoffs, was={"held"}, to="rejected", **told),
    )
    return moved
