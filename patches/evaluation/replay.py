"""What another policy would have decided, out of what the checks found then. No check is made again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from patches.evaluation.judging import checks_of, decide
from patches.evaluation.policy import Policy
from patches.models import Verdict
from patches.models.batches import GATE

PAGE = 500


@dataclass(frozen=True)
class Differing:
    """A batch that the policy would have dealt with in another way; `because` are the checks that it then fails."""

    batch: int
    title: str
    status: str
    policy: str
    was: str
    would: str
    kept_out: Sequence[int] = ()  # patches that were let in
    let_in: Sequence[int] = ()  # patches that were kept out
    because: Sequence[str] = ()


@dataclass
class Replayed:
    """`looked_at` batches were decided on; of them `too_old` have no results that another policy could be asked of."""

    looked_at: int = 0
    too_old: int = 0
    decisions: Counter[str] = field(default_factory=Counter)  # “approve → review”, the equal ones too
    differing: list[Differing] = field(default_factory=list)


def replay(reflection_id: int, policy: Policy, *, since: datetime | None = None) -> Replayed:
    """Decide again on each batch by the gate's latest verdict on it, under another policy. Writes nothing.

    A check that came later than the verdict has found nothing there. What a person decided after the gate is not asked.
    """
    told = Replayed()
    for verdict in _verdicts(reflection_id, since):
        told.looked_at += 1
        if not verdict.recipe:
            told.too_old += 1
            continue
        results = checks_of(verdict.checks)
        decision, rejected, _ = decide(results, policy)
        told.decisions[f"{verdict.decision} → {decision}"] += 1
        before = frozenset(verdict.rejected)
        if decision == verdict.decision and rejected == before:
            continue
        rules = policy.rules
        because = [
            name for name, one in results.items() if one.value > rules[name].limit and rules[name].then != "note"
        ]
        batch = verdict.batch
        told.differing.append(
            Differing(
                batch.pk,
                batch.title,
                batch.status,
                verdict.policy,
                verdict.decision,
                decision,
                sorted(rejected - before),
                sorted(before - rejected),
                because,
            )
        )
    return told


def _verdicts(reflection_id: int, since: datetime | None) -> Iterator[Verdict]:
    found = Verdict.objects.filter(by=GATE, batch__reflection=reflection_id).select_related("batch")
    if since:
        found = found.filter(at__gte=since)
    return found.order_by("batch_id", "-id").distinct("batch_id").iterator(chunk_size=PAGE)
