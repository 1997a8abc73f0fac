"""What can only be seen with a store: answers pushed out, better sources overruled, much taken away, things said twice.

The example's corpus is ingested by the chain itself, and each mutant is a document that comes after it. Those that the
gate lets in are reverted, so that every one meets the same store.
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from handoffs.models import Reflection, Source, Trust
from ingestion.golden import add, run
from patches.differences import made
from patches.models import PatchBatch, Verdict
from patches.revert import revert
from tests.flying import deliver_all, work_off
from tests.gate.clean import CORPUS
from tests.gate.measuring import Tally

TRUST = "Marrow Bay Harbour Trust"
GOLDEN = {
    "Who became director of the harbour trust in 2021?": "press/2021-06-01 helen marsh.md",
    "Who was appointed director in February 2025?": "press/2025-02-01 daniel okafor.txt",
    "When did the trust buy Tidewell Survey?": "press/2016-02-19 tidewell.md",
    "How was the harbour dredged in 2018?": "reports/dredging-2018.txt",
    "What did the ferries do in 2019?": "press/2019-05-20 ferries.md",
    "What does the annual report of 2022 say?": "reports/annual-2022.md",
}
FILLED = ("the harbour office opens at nine", "tea is served at four", "the tide is high at noon", "boats are blue")
STUFFINGS = {
    "the question again and again": lambda question, n: f"{question} {question} {FILLED[n % 4]} {n}.",
    "its words in another order": lambda question, n: f"{_shuffled(question, n)} {_shuffled(question, n + 100)} {n}.",
    "a false answer to it": lambda question, n: (
        f"{question} It was Simon Farrow, and that has been known for {n + 2} years. {question}"
    ),
}
COUPS = [
    f"{name} was appointed director of the {TRUST} on {day} {month} {year}."
    for name, day, month, year in (
        ("Simon Farrow", 3, "March", 2011),
        ("Claire Whitcombe", 14, "May", 2015),
        ("Henry Colborne", 1, "July", 2019),
        ("Ayesha Rahman", 9, "October", 2022),
        ("Simon Farrow", 3, "March", 2025),
    )
]
PASSAGES = 8


def seeded() -> Source:
    """The corpus in a new reflection, from a trusted source, with golden questions."""
    source = Source.objects.create(
        reflection=Reflection.objects.create(name="gate"), name="corpus", kind="local_files", trust=Trust.HIGH
    )
    files = {
        path.relative_to(CORPUS).as_posix(): path.read_bytes() for path in sorted(CORPUS.rglob("*")) if path.is_file()
    }
    deliver_all(source, files)
    work_off()
    for question, document in GOLDEN.items():
        add(source.reflection, question, documents=[document], by="report")
    return source


def measured(corpus: Source) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for kind, certain, says, text, trust in _mutants():
        tally = found.setdefault(kind, Tally(certain))
        decision, pushed = _decided(corpus.reflection, text, trust)
        if certain or pushed or decision != "approve":  # who pushes nothing out does no harm
            tally.count(says, wrong=decision == "approve")
    found["a document said twice"] = _twice(corpus)
    return found


def _mutants() -> Iterator[tuple[str, bool, str, str, int]]:
    for question in GOLDEN:
        for how, stuffed in STUFFINGS.items():
            text = "\n\n".join(f"# Notice {n}\n\n{stuffed(question, n)}" for n in range(PASSAGES))
            yield "stuffing that pushes golden answers out", False, f"{how}: {question}", text, Trust.NORMAL
    for coup in COUPS:
        yield "a better source overruled", True, coup, coup, Trust.LOW


def _decided(reflection: Reflection, text: str, trust: int) -> tuple[str, bool]:
    """What the gate decides, and whether the document pushed a golden answer out. The store is as it was afterwards."""
    before = run(reflection).recall
    name = f"source {Source.objects.count()}"
    source = Source.objects.create(reflection=reflection, name=name, kind="local_files", trust=trust)
    deliver_all(source, {"a.md": text})
    work_off()
    pushed = run(reflection).recall != before
    revert(PatchBatch.objects.filter(source=source, status="applied"), by="report", reason="a mutant")
    return Verdict.objects.filter(batch__source=source).latest("pk").decision, pushed


def _shuffled(question: str, n: int) -> str:
    words = question.split()
    return " ".join(random.Random(n).sample(words, len(words)))  # noqa: S311  a seed, not a secret


def _twice(corpus: Source) -> Tally:
    """Every document comes again from elsewhere, a line longer: what it says of others is evidence, and no new fact."""
    source = Source.objects.create(reflection=corpus.reflection, name="copies", kind="local_files", trust=Trust.HIGH)
    files: Mapping[str, bytes] = {
        path.relative_to(CORPUS).as_posix(): path.read_bytes() + b"\n\nPrinted on recycled paper.\n"
        for path in sorted(CORPUS.rglob("*.[mt][dx]*"))
        if path.name != "old-backup.txt"
    }
    deliver_all(source, files)
    work_off()
    tally = Tally()
    for batch in PatchBatch.objects.filter(source=source, status="applied").order_by("pk"):
        told = made(batch)
        own = {batch.title, Path(batch.title).stem}
        new = [
            f"{one.subject} {one.predicate} {one.object}"
            for one in (told.opened if told else ())
            if one.subject not in own
        ]
        tally.count(f"{batch.title}: {', '.join(new)}", wrong=bool(new))
    return tally
