"""Precision and recall of an extractor on the labelled passages, per predicate."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestion.ports import Claim, ExtractorPort
from tests.extraction.labelled import Labelled

Found = list[list[Claim]]


@dataclass
class Tally:
    """Claims that were found and are right, that were found and are wrong, and that were missed."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        found = len(self.right) + len(self.wrong)
        return len(self.right) / found if found else 1.0

    @property
    def recall(self) -> float:
        there = len(self.right) + len(self.missed)
        return len(self.right) / there if there else 1.0


def written(claim: Claim) -> str:
    """A claim as the labelled files write it."""
    start, end = claim.period.start or "", claim.period.end or ""
    period = f"{start}..{end}" if start or end else ""
    return f"{claim.subject or '-'} | {claim.predicate} | {claim.object} | {period}".strip()


def read(port: ExtractorPort, half: Sequence[Labelled]) -> Found:
    texts = [labelled.text for labelled in half]
    return [list(claims) for claims in port.claims(texts, port.entities(texts))]


def tallies(half: Sequence[Labelled], found: Found) -> dict[str, Tally]:
    """Count asserted claims by predicate; `all` counts every one. Subject, object and period must be right."""
    counted: dict[str, Tally] = defaultdict(Tally)
    for number, (labelled, claims) in enumerate(zip(half, found, strict=True)):
        got = {written(claim) for claim in claims if claim.polarity == "asserted"}
        expected = set(labelled.claims)
        for kind, group in (("right", got & expected), ("wrong", got - expected), ("missed", expected - got)):
            for claim in sorted(group):
                for name in ("all", claim.split(" | ")[1]):
                    getattr(counted[name], kind).append(f"{number} {claim}")
    return dict(counted)
