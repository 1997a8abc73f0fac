"""Where failed runs go, as their policies say: to the next attempt, to quarantine, to their end, to a held source."""

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from handoffs import intake
from handoffs.lifecycles import HANDOFF
from handoffs.models import Handoff, Source
from ingestion.backoff import delay
from ingestion.boarding import Boarding
from ingestion.dispatch import hold
from ingestion.lifecycles import RUN
from ingestion.models import IngestRun
from ingestion.outcomes import Failed
from ingestion.policies import PAUSED, RETIRED, Rules, rules_of
from ingestion.quarantine import Cause, note
from ledger.failures import Failure, RateLimited
from ledger.lifecycle import FromNow, Step
from ledger.models import Event
from ledger.reasons import Reason
from patches.carriers import drop

STATUS = {PAUSED: "pending", RETIRED: "cancelled"}
WHY_CHARS = 200


def steps_of(failures: Sequence[Failed], boarding: Boarding) -> list[Step]:
    """Return the moves that the failures' policies ask for, of the runs and of their handoffs. Needs a transaction.

    Of those that no policy will try again the cause is kept. No statement when nothing failed.
    """
    if not failures:
        return []
    rules = rules_of([boarding.source_id])[boarding.source_id]
    groups: dict[str, list[Failed]] = defaultdict(list)
    for failed in failures:
        groups[verdict(failed, rules)].append(failed)
    note([_cause(failed, boarding, rules) for failed in groups["quarantined"]])
    if waits := [failed.failure.retry_after for failed in failures if isinstance(failed.failure, RateLimited)]:
        hold(boarding.source_id, max(waits).total_seconds())  # the remote side speaks for all that we ask of it
    if why := [failed.failure for failed in groups[PAUSED]]:
        stop_source(boarding.source_id, why[0], by=boarding.worker)
    if gone := [failed.item.reference_id for failed in groups[RETIRED]]:
        intake.mark_gone(gone)
        drop(gone)
    steps = [_run_step(to, group, rules, by=boarding.worker) for to, group in sorted(groups.items()) if group]
    ended = {"failed": groups["failed"] + groups["quarantined"], "cancelled": groups[RETIRED]}
    return [*steps, *(_handoff_step(to, group, by=boarding.worker) for to, group in ended.items() if group)]


def stop_source(source_id: int, failure: Failure, *, by: str) -> None:
    """Pause the source: nothing of it can succeed until a person did something. Needs a transaction.

    What waits of it is held by dispatch, which looks at the source. The first failure is the one that is shown.
    """
    locked = Source.objects.filter(pk=source_id, paused=False).select_for_update()
    if list(locked.values_list("pk")):
        Source.objects.filter(pk=source_id).update(
            paused=True, paused_why=f"{failure.reason.label}: {failure}"[:WHY_CHARS]
        )
        Event.objects.create(
            lifecycle="source", row_id=source_id, was="active", became="paused", reason=failure.reason, by=by
        )


def verdict(failed: Failed, rules: Rules) -> str:
    """What becomes of the failed run: a status, PAUSED or RETIRED."""
    policy = rules.policy(failed.failure.kind)
    return "retry_wait" if failed.item.attempts + 1 < policy.attempts else policy.finally_


def _cause(failed: Failed, boarding: Boarding, rules: Rules) -> Cause:
    failure = failed.failure
    return Cause(failed.item.run_id, rules.kind, boarding.stage, failure.kind, failure.reason, failed.traceback)


def _run_step(to: str, group: Sequence[Failed], rules: Rules, *, by: str) -> Step:
    reasons: dict[int, Reason] = {failed.item.run_id: failed.failure.reason for failed in group}
    changes: dict[str, Any] = {
        "failure": {failed.item.run_id: failed.failure.kind for failed in group},
        "detail": {failed.item.run_id: failed.failure.detail for failed in group},
        "attempts": {failed.item.run_id: failed.item.attempts + _spent(failed) for failed in group},
    }
    if to == PAUSED:
        changes |= {
            "next_attempt_at": FromNow(),
            "flight": None,
            "attempts": {failed.item.run_id: failed.item.attempts for failed in group},
        }
    elif to == "retry_wait":
        changes |= {"next_attempt_at": {failed.item.run_id: FromNow(_delay_s(failed, rules)) for failed in group}}
    runs = IngestRun.objects.filter(pk__in=list(reasons))
    return RUN.step(runs, was={"running"}, to=STATUS.get(to, to), reason=reasons, by=by, **changes)


def _handoff_step(to: str, group: Sequence[Failed], *, by: str) -> Step:
    reasons: dict[int, Reason] = {failed.item.handoff_id: failed.failure.reason for failed in group}
    handoffs = Handoff.objects.filter(pk__in=list(reasons))
    return HANDOFF.step(handoffs, was={"ingesting"}, to=to, reason=reasons, by=by)


def _spent(failed: Failed) -> int:
    """The remote side's rate limit is not the run's fault."""
    return 0 if isinstance(failed.failure, RateLimited) else 1


def _delay_s(failed: Failed, rules: Rules) -> float:
    if isinstance(failed.failure, RateLimited):
        return failed.failure.retry_after.total_seconds()
    policy = rules.policy(failed.failure.kind)
    wait = delay(
        failed.item.attempts + 1,
        base=policy.base,
        factor=policy.factor,
        cap=policy.cap,
        chance=random.random(),  # noqa: S311  jitter, not a secret
    )
    return wait.total_seconds()
