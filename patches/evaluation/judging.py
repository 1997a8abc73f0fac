"""From measurements to a decision. Pure: what the store holds comes in as a shadow of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from patches.evaluation.checks import CHECKS, Check, Then
from patches.evaluation.checks.most_stand import share_of
from patches.evaluation.context import Context, Judged, Measured
from patches.evaluation.golden import UNMOVED, Golden, Shift
from patches.evaluation.policy import Policy
from patches.evaluation.shadow import NOTHING, Change, Shadow
from patches.models import Verdict

RECIPE = "gate-6"  # raise it with every change of what a check measures: a verdict names it
WORST: Sequence[Then] = ("reject", "review", "note")


@dataclass(frozen=True)
class CheckResult:
    """What a check said of a batch. `then` is what followed where it did not pass; `offenders` are patches, and why."""

    value: float
    threshold: float
    passed: bool
    then: Then
    offenders: Mapping[int, str] = field(default_factory=dict)
    note: str = ""
    of: int = 0


@dataclass(frozen=True)
class Examined:
    """A batch after the firm checks, which ask about nothing but itself: its claims can be given to the store."""

    batch: Judged
    found: Mapping[str, Measured]


@dataclass(frozen=True)
class Judgement:
    """`rejected` patches may not be applied; for `held` ones a person decides, and so for the whole batch."""

    batch_id: int
    digest: str
    decision: Verdict.Decision
    policy: Policy
    seq: int = 0
    rejected: Sequence[int] = ()
    held: Sequence[int] = ()
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    change: Change = NOTHING
    golden: Shift = UNMOVED

    def told(self) -> dict[str, Any]:
        """The checks as a verdict keeps them."""
        return {name: vars(result) for name, result in self.checks.items()}


def examine(batch: Judged, context: Context) -> Examined:
    """Make the firm checks; each looks at the claims that the ones before it left."""
    found: dict[str, Measured] = {}
    for name, check in CHECKS.items():
        if check.firm:
            found[name] = check.measure(batch, context)
            if check.scope == "patch":
                batch = replace(batch, struck=batch.struck | found[name].offenders.keys())
    return Examined(batch, found)


def judge(
    examined: Examined, context: Context, policy: Policy, shadow: Shadow, *, golden: Golden | None = None, seq: int = 0
) -> Judgement:
    """Make all checks and decide. What is approved is part of the shadow from then on.

    A claim that is struck out is looked at no further, nor can it contradict one that stands.
    """
    batch, found = examined.batch, dict(examined.found)
    for name, check in CHECKS.items():
        if name not in found and check.scope == "patch" and not check.store:
            found[name] = check.measure(batch, context)
            if policy.rules[name].then == "reject":
                batch = replace(batch, struck=batch.struck | found[name].offenders.keys())
    change = shadow.change(
        batch.batch_id, batch.claims, context.predicates, references=batch.references, trust=batch.trust
    )
    golden = golden or Golden()
    context = replace(context, change=change, golden=golden.shift(batch.batch_id, batch.name, change, shadow))
    for name, check in CHECKS.items():
        if name not in found:
            found[name] = check.measure(batch, context)
    results = {name: result(policy, name, found[name]) for name in CHECKS}
    decision, rejected, held = decide(results, policy)
    if decision == Verdict.Decision.APPROVE:
        shadow.accept(batch.batch_id, change, batch.references)
        golden.accept(batch.batch_id, batch.name, change)
    out, asked = sorted(rejected), sorted(held)
    return Judgement(batch.batch_id, batch.digest, decision, policy, seq, out, asked, results, change, context.golden)


def result(policy: Policy, name: str, found: Measured) -> CheckResult:
    rule = policy.rules[name]
    return CheckResult(
        found.value, rule.limit, found.value <= rule.limit, rule.then, found.offenders, found.note, found.of
    )


def decide(
    results: Mapping[str, CheckResult], policy: Policy
) -> tuple[Verdict.Decision, frozenset[int], frozenset[int]]:
    """Return the decision on the batch, the patches that are rejected, and those that a person is asked about."""
    found = {name: Measured(one.value, one.offenders, one.note, one.of) for name, one in results.items()}
    rejected = _offending(found, policy, "reject")
    held = _offending(found, policy, "review") - rejected
    follows = {
        policy.rules[name].then
        for name, one in found.items()
        if CHECKS[name].scope == "batch" and _value(name, one, found, rejected) > policy.rules[name].limit
    }
    if "reject" in follows:
        return Verdict.Decision.REJECT, rejected, held
    review = held or "review" in follows
    return Verdict.Decision.REVIEW if review else Verdict.Decision.APPROVE, rejected, held


def _value(name: str, one: Measured, found: Mapping[str, Measured], rejected: frozenset[int]) -> float:
    """The measured value; the share of claims that stand follows from what this very policy rejects."""
    if name != "most_claims_stand":
        return one.value
    return share_of(len(rejected - found["claim_is_asserted"].offenders.keys()), one.of)


def _offending(found: Mapping[str, Measured], policy: Policy, then: Then) -> frozenset[int]:
    return frozenset(
        n
        for name, one in found.items()
        if CHECKS[name].scope == "patch" and policy.rules[name].then == then
        for n in one.offenders
    )


def checks_of(told: Mapping[str, Any]) -> dict[str, CheckResult]:
    """The results out of a stored verdict; checks that are there no more are passed over."""
    return {
        name: CheckResult(**{**one, "offenders": {int(n): why for n, why in one["offenders"].items()}})
        for name, one in told.items()
        if name in CHECKS
    }


__all__ = ["RECIPE", "Check", "CheckResult", "Examined", "Judgement", "checks_of", "decide", "examine", "judge"]
