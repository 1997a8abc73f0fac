"""What a check sees, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patches.rules import Vocabulary


@dataclass(frozen=True)
class Judged:
    """A batch before the gate: its patches as (op, payload), and the text that its offsets count in."""

    digest: str
    text: str
    patches: Sequence[tuple[str, Mapping[str, Any]]]
    predicates: Vocabulary
    rejected: frozenset[int] = field(default_factory=frozenset)  # by the checks per patch, before the batch is judged

    def claims(self) -> list[tuple[int, Mapping[str, Any]]]:
        """The patches that assert a fact, with their numbers."""
        return [(n, payload) for n, (op, payload) in enumerate(self.patches) if op == "assert_fact"]


@dataclass(frozen=True)
class CheckResult:
    value: float
    threshold: float
    passed: bool
    offenders: Sequence[int] = ()
