"""How many patches a second the gate's checks of the document look at; pure, without a store."""

import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.report import Report
from patches.evaluation.context import Context, Judged
from patches.evaluation.judging import examine, judge
from patches.evaluation.policy import DEFAULT
from patches.evaluation.shadow import Shadow
from patches.predicates_seed import SEED
from patches.propose import digest_of
from patches.rules import Rule

BUDGET_PER_S = 2_000
DOCUMENTS, CLAIMS = 60, 24
FILLER = (
    "The office is open on weekdays. Visitors should follow the signs and ask the porter for a key, who will write "
    "down their name. The rules of the harbour are printed on the other side of this page, with the telephone numbers."
)


@dataclass(frozen=True)
class Checked:
    """Patches a second of CPU time, medians over the rounds; `patches` are those of one round."""

    rounds: int
    patches: int
    characters: int
    checks: float


def measure(report: Report, *, rounds: int) -> None:
    documents = [_document(n) for n in range(DOCUMENTS)]
    patches = sum(len(one.patches) for one in documents)
    rates = [patches / _seconds(documents) for _ in range(rounds + 1)][1:]  # the first fills the caches
    told = Checked(rounds, patches, sum(len(one.text) for one in documents), median(rates))
    report.gate = asdict(told)
    met = "met" if told.checks >= BUDGET_PER_S else "MISSED"
    print(
        f"checks of the gate: {told.checks:.0f} patches a second of CPU, {told.patches} patches in {DOCUMENTS} "
        f"documents of {told.characters} characters (budget ≥ {BUDGET_PER_S}: {met})",
        flush=True,
    )


def _seconds(documents: list[Judged]) -> float:
    context = Context({p.name: Rule(p.cardinality, p.subject_types, p.object_types) for p in SEED})
    began = time.process_time()
    for one in documents:
        told = judge(examine(one, context), context, DEFAULT, Shadow(1))
        if told.rejected:
            raise RuntimeError(f"the benchmark's document is not sound: {told.checks}")
    return time.process_time() - began


def _document(n: int) -> Judged:
    text, patches = "", []
    for number in range(CLAIMS):
        quote = f"Ann Person{number} was appointed director of the Harbour Trust {n}-{number} on {1 + number} May 2019."
        claim: dict[str, Any] = {
            "predicate": "led_by",
            "subject": f"Harbour Trust {n}-{number}",
            "subject_type": "organization",
            "subject_key": f"harbour trust {n}-{number}",
            "object": f"Ann Person{number}",
            "object_type": "person",
            "object_key": f"ann person{number}",
            "from": f"2019-05-{1 + number:02}",
            "to": None,
            "dated": None,
            "polarity": "asserted",
            "quote": quote,
            "start": len(text),
            "end": len(text) + len(quote),
        }
        patches.append(("assert_fact", claim))
        text += f"{quote} {FILLER if number % 2 else ''}\n\n"
    return Judged(n, digest_of(patches), text, patches, "A document")
