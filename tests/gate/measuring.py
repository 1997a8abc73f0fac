"""How much of what is wrong the gate catches, kind by kind, and how much it blocks of what is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from patches.evaluation.context import Context
from patches.evaluation.judging import Judgement, examine, judge
from patches.evaluation.policy import DEFAULT
from patches.evaluation.shadow import Shadow
from patches.predicates_seed import SEED
from patches.rules import Rule
from tests.gate.clean import Sound
from tests.gate.mutations import KINDS, Mutant

VOCABULARY = {p.name: Rule(p.cardinality, p.subject_types, p.object_types) for p in SEED}


@dataclass
class Tally:
    """Of a kind: how many were tried, and what was missed (of clean ones: blocked), in words."""

    certain: bool = True
    tried: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of those tried, the ones that went wrong."""
        return len(self.wrong) / self.tried if self.tried else 0.0

    def count(self, says: str, *, wrong: bool) -> None:
        self.tried += 1
        if wrong:
            self.wrong.append(says)


def decided(mutant: Mutant | Sound) -> Judgement:
    """What the gate says under its default policy, before a store that holds nothing."""
    context = Context(VOCABULARY)
    return judge(examine(mutant.batch, context), context, DEFAULT, Shadow(1))


def is_caught(mutant: Mutant, told: Judgement) -> bool:
    """Whether the wrong claim is struck out or held, or the whole batch goes no further by itself."""
    return told.decision != "approve" or mutant.n in told.rejected or mutant.n in told.held


def caught(documents: Sequence[Sound], kinds: Iterable[str] = KINDS) -> dict[str, Tally]:
    found = {name: Tally(KINDS[name][0]) for name in kinds}
    for name, tally in found.items():
        for mutant in KINDS[name][1](documents):
            tally.count(mutant.says, wrong=not is_caught(mutant, decided(mutant)))
    return found


def blocked(documents: Sequence[Sound]) -> dict[str, Tally]:
    """False blocks: of whole documents by where they are from, and of single claims."""
    found: dict[str, Tally] = {}
    for document in documents:
        told = decided(document)
        reasons = ", ".join(name for name, one in told.checks.items() if not one.passed)
        found.setdefault(f"{document.of}s", Tally()).count(
            f"{document.batch.name}: {reasons}", wrong=told.decision != "approve"
        )
        for n in document.claims:
            words = document.batch.patches[n][1]["quote"]
            found.setdefault("claims", Tally()).count(f"{reasons}: {words}", wrong=n in {*told.rejected, *told.held})
    return found
