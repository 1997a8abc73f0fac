"""What to do after a failure: a table from failure class to policy, and the rules that operators put in its place."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from ledger import statements

PAUSED, RETIRED = "source_paused", "retired"


@dataclass(frozen=True)
class Policy:
    """`attempts` is how often a run may fail this way before `finally_` becomes of it.

    That is a status of the run; or PAUSED, when it waits with its whole source for a person; or RETIRED, when its
    reference is gone.
    """

    attempts: int
    finally_: str
    base: timedelta = timedelta(seconds=60)
    factor: float = 2.0
    cap: timedelta = timedelta(hours=1)


POLICIES: Mapping[str, Policy] = {
    "transient": Policy(attempts=5, finally_="quarantined"),
    "rate_limited": Policy(attempts=100, finally_="quarantined"),
    "timeout": Policy(attempts=3, finally_="quarantined"),
    "auth": Policy(attempts=1, finally_=PAUSED),
    "consent": Policy(attempts=1, finally_=PAUSED),
    "gone": Policy(attempts=1, finally_=RETIRED),
    "malformed": Policy(attempts=1, finally_="failed"),
    "crash": Policy(attempts=3, finally_="quarantined", base=timedelta(seconds=1)),
    "unexpected": Policy(attempts=3, finally_="quarantined", base=timedelta(seconds=5)),
}

# The rule for the connector comes after the one for all, and so takes its place.
RULES = """
SELECT s.id, s.kind, r.failure, r.attempts, r."then", r.base_s, r.factor, r.cap_s
FROM handoffs_source s LEFT JOIN ingestion_retryrule r ON r.kind IN ('', s.kind)
WHERE s.id = ANY(%(sources)s) ORDER BY s.id, r.kind
"""


@dataclass(frozen=True)
class Rules:
    """The policies of one source: the defaults, but where a rule says otherwise. `kind` is its connector's."""

    kind: str
    overrides: Mapping[str, Policy] = field(default_factory=dict)

    def policy(self, failure: str) -> Policy:
        return self.overrides.get(failure, POLICIES[failure])


def rules_of(sources: Collection[int]) -> dict[int, Rules]:
    """Read the rules that hold for the sources now: one statement."""
    kinds: dict[int, str] = {}
    found: dict[int, dict[str, Policy]] = {source: {} for source in sources}
    for source, kind, failure, attempts, then, base_s, factor, cap_s in statements.rows(
        RULES, {"sources": sorted(sources)}
    ):
        kinds[source] = kind
        if failure:
            found[source][failure] = Policy(attempts, then, timedelta(seconds=base_s), factor, timedelta(seconds=cap_s))
    return {source: Rules(kind, found[source]) for source, kind in kinds.items()}
