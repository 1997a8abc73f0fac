"""What a check may look at: the batch, and what surrounds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from patches.evaluation.golden import UNMOVED, Shift
from patches.evaluation.shadow import NOTHING, Change
from patches.rules import Vocabulary

NORMAL_TRUST = 1
CLAIM_KEYS = frozenset(
    {
        "predicate",
        "subject",
        "subject_type",
        "subject_key",
        "object",
        "object_type",
        "object_key",
        "from",
        "to",
        "dated",
        "quote",
        "start",
        "end",
    }
)

Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Vectors:
    """Of a batch's passages: how many, how many have no vector, how far the longest or shortest is from unit length.

    `centroid` is their mean, empty where it is not known.
    """

    passages: int = 0
    missing: int = 0
    deviation: float = 0.0
    centroid: Sequence[float] = ()


@dataclass(frozen=True)
class Judged:
    """A batch before the gate: its patches as (op, payload), and the text that its offsets count in.

    `name` is its item's; `dated` the document's own date; `trust` the tier of its source; `references` are those that
    would carry it; `struck` are the patches that earlier checks refused.
    """

    batch_id: int
    digest: str
    text: str
    patches: Sequence[tuple[str, Mapping[str, Any]]]
    title: str = ""
    name: str = ""
    dated: str | None = None
    trust: int = NORMAL_TRUST
    references: frozenset[UUID] = frozenset()
    vectors: Vectors = Vectors()
    struck: frozenset[int] = frozenset()

    @cached_property
    def claims(self) -> Sequence[tuple[int, Claim]]:
        """The patches that assert a fact and are not struck out yet, with their numbers."""
        return [
            (n, payload) for n, (op, payload) in enumerate(self.patches) if op == "assert_fact" and n not in self.struck
        ]

    @property
    def spans(self) -> Sequence[Sequence[Any]]:
        """The passages that it would put, as (start, end, text hash)."""
        return [span for op, payload in self.patches if op == "put_passages" for span in payload["spans"]]


@dataclass(frozen=True)
class Baseline:
    """What the source's latest documents are like, against which drift is seen.

    `passages` counts those of each document; `predicates` the claims of all of them by predicate.
    """

    passages: Sequence[int] = ()
    predicates: Mapping[str, int] = field(default_factory=dict)
    centroid: Sequence[float] = ()


@dataclass(frozen=True)
class Context:
    """What surrounds a batch. `change` is what it would do to the facts, `golden` what to the golden answers."""

    predicates: Vocabulary
    baseline: Baseline = Baseline()
    open_facts: int = 0
    change: Change = NOTHING
    golden: Shift = UNMOVED


@dataclass(frozen=True)
class Measured:
    """What a check found: the smaller `value`, the better. `offenders` says of patches, by number, what is wrong.

    `of` is how many things were looked at, where the value is a share of them.
    """

    value: float
    offenders: Mapping[int, str] = field(default_factory=dict)
    note: str = ""
    of: int = 0

    @classmethod
    def count(cls, offenders: Mapping[int, str]) -> "Measured":
        return cls(len(offenders), offenders)
