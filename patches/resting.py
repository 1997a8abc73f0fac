"""What rests on batches: their passages, assertions and facts, and which facts nothing else says."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger import statements
from patches.models import Assertion, Passage, PatchBatch, ReferenceVersion
from patches.sql import statement


@dataclass(frozen=True)
class Resting:
    """Counts of what is live, and the ids of the open facts: `alone` are those that no other batch supports."""

    statuses: Mapping[str, int]
    passages: int
    assertions: int
    references: Collection[UUID]
    facts: Sequence[int]
    alone: Sequence[int]

    def counts(self) -> dict[str, int]:
        return {
            "batches": sum(self.statuses.values()),
            **{f"batches_{status}": count for status, count in sorted(self.statuses.items())},
            "items": len(self.references),
            "passages": self.passages,
            "assertions": self.assertions,
            "facts": len(self.facts),
            "facts_resting_on_this_alone": len(self.alone),
        }


def resting_on(batches: Sequence[int]) -> Resting:
    """What the batches hold up now. A constant number of statements."""
    found = statements.rows(statement("resting"), {"batches": list(batches)})
    return Resting(
        Counter(PatchBatch.objects.filter(pk__in=batches).values_list("status", flat=True)),
        Passage.objects.filter(batch__in=batches, live=True).count(),
        Assertion.objects.filter(batch__in=batches, live=True).count(),
        set(ReferenceVersion.objects.filter(batch__in=batches).values_list("reference", flat=True)),
        [fact for fact, _ in found],
        [fact for fact, is_alone in found if is_alone],
    )
