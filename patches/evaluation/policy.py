"""What the gate is held to in a reflection: a limit and a consequence for each check, and how long a review may take.

A policy is plain JSON that names what differs from the defaults:
{"checks": {"few_facts_close": {"limit": 50, "then": "reject"}}, "review_days": 7}
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, get_args

from patches.evaluation.checks import CHECKS, Check, Then

REVIEW_DAYS = 14
MOST_DAYS = 365


class BadPolicy(ValueError):
    """What is wrong with a policy, in words for the person who wrote it."""


@dataclass(frozen=True)
class Rule:
    """A value above `limit` fails; `then` is what follows for the batch, or for the patches that offend."""

    then: Then
    limit: float


@dataclass(frozen=True)
class Policy:
    """A rule for every check. `digest` names its content: equal digests decide equally."""

    name: str
    version: int
    rules: Mapping[str, Rule]
    review_days: int = REVIEW_DAYS

    @property
    def label(self) -> str:
        return f"{self.name}-{self.version}"

    @property
    def digest(self) -> str:
        said = {"rules": {name: asdict(rule) for name, rule in self.rules.items()}, "review_days": self.review_days}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read(body: Any, *, name: str = "default", version: int = 0) -> Policy:
    """Return the policy that the body describes, the defaults filled in. Raises BadPolicy."""
    if not isinstance(body, Mapping):
        raise BadPolicy("a policy is an object with “checks” and “review_days”")
    if unknown := body.keys() - {"checks", "review_days"}:
        raise BadPolicy(f"unknown: {', '.join(sorted(unknown))}; a policy has “checks” and “review_days”")
    given = body.get("checks", {})
    if not isinstance(given, Mapping):
        raise BadPolicy("“checks” is an object from a check's name to its rule")
    if unknown := given.keys() - CHECKS.keys():
        raise BadPolicy(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(CHECKS)}")
    rules = {check: _rule(check, CHECKS[check], given.get(check, {})) for check in CHECKS}
    return Policy(name, version, rules, _days(body.get("review_days", REVIEW_DAYS)))


def _rule(name: str, check: Check, given: Any) -> Rule:
    if not isinstance(given, Mapping) or given.keys() - {"then", "limit"}:
        raise BadPolicy(f"{name}: a rule has “then” and “limit”")
    if given and check.firm:
        raise BadPolicy(f"{name} cannot be changed: what it refuses cannot be applied")
    then, limit = given.get("then", check.then), given.get("limit", check.limit)
    if then not in get_args(Then):
        raise BadPolicy(f"{name}: “then” is one of {', '.join(get_args(Then))}")
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not isfinite(limit) or limit < 0:
        raise BadPolicy(f"{name}: “limit” is a number from 0 on")
    if check.scope == "patch" and limit:
        raise BadPolicy(f"{name} looks at each patch by itself and has no limit")
    return Rule(then, float(limit))


def _days(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_DAYS:
        raise BadPolicy(f"“review_days” is a whole number from 1 to {MOST_DAYS}")
    return given


DEFAULT = read({})
