"""What to do after a failure: a table from failure class to policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Policy:
    """`attempts` is how often a run may fail this way before `finally_` becomes its status."""

    attempts: int
    finally_: str
    base: timedelta = timedelta(seconds=60)
    factor: float = 2.0
    cap: timedelta = timedelta(hours=1)


POLICIES: Mapping[str, Policy] = {
    "transient": Policy(attempts=5, finally_="quarantined"),
    "rate_limited": Policy(attempts=100, finally_="quarantined"),
    "timeout": Policy(attempts=3, finally_="quarantined"),
    "auth": Policy(attempts=1, finally_="failed"),
    "consent": Policy(attempts=1, finally_="failed"),
    "gone": Policy(attempts=1, finally_="failed"),
    "malformed": Policy(attempts=1, finally_="failed"),
    "crash": Policy(attempts=3, finally_="quarantined", base=timedelta(seconds=1)),
    "unexpected": Policy(attempts=3, finally_="quarantined", base=timedelta(seconds=5)),
}
