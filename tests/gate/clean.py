"""What nothing is wrong with: the example's corpus, the labelled passages, this documentation, words to people.

Each document is read as the stages read it. Of a labelled passage those claims are sound that its label has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from uuid import UUID

from ingestion import reading
from ingestion.adapters.extractor.spacy_rules import SpacyRules
from ingestion.documents import Document
from ingestion.outcomes import Done, Item
from ingestion.ports import Claim, Period
from ingestion.stages.chunk import Chunk
from ingestion.stages.entity import Entities
from ingestion.stages.fact import Facts
from patches.evaluation.context import Judged
from patches.propose import digest_of
from tests.extraction.labelled import HELD_OUT, TUNING
from tests.extraction.measuring import written

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "examples" / "corpus"
HARMLESS = Path(__file__).with_name("harmless.txt").read_text("utf-8").splitlines()


@dataclass(frozen=True)
class Sound:
    """A document before the gate; `claims` are the numbers of the patches that say what it says."""

    of: str
    batch: Judged
    claims: frozenset[int]


@cache
def sound() -> Sequence[Sound]:
    """Every clean document, with its claims. Made once: the models take some seconds."""
    labelled = [*TUNING, *HELD_OUT]
    passages = [Document(each.text, "text/markdown", f"passage {n}", markdown=True) for n, each in enumerate(labelled)]
    corpus = [(path.relative_to(CORPUS).as_posix(), document) for path, document in _files(CORPUS)]
    pages = [(path.name, document) for path, document in _files(ROOT / "docs")]
    people = [Document(line, "text/plain", "a notice") for line in HARMLESS]
    named = [*corpus, *((each.title, each) for each in passages), *pages, *((each.title, each) for each in people)]
    batches = [batch for batch, _ in _proposed(named)]
    expected: list[frozenset[str] | None] = [None] * len(named)
    expected[len(corpus) : len(corpus) + len(labelled)] = [frozenset(each.claims) for each in labelled]
    kinds = ["example"] * len(corpus) + ["passage"] * len(passages) + ["page"] * len(pages) + ["notice"] * len(people)
    return [Sound(kind, one, _right(one, said)) for kind, one, said in zip(kinds, batches, expected, strict=True)]


def asserted(one: Judged) -> Iterator[int]:
    return (n for n, claim in one.claims if claim["polarity"] == "asserted")


def _right(one: Judged, expected: frozenset[str] | None) -> frozenset[int]:
    said = {n: written(_claim(claim)) for n, claim in one.claims if n in set(asserted(one))}
    return frozenset(n for n, words in said.items() if expected is None or words in expected)


def _claim(payload: dict) -> Claim:
    own = payload["subject_type"] == "document"
    types = (payload["subject_type"], payload["object"], payload["object_type"])
    period = Period(payload["from"], payload["to"])
    return Claim(payload["predicate"], None if own else payload["subject"], *types, 0, 0, period)


def _files(folder: Path) -> Iterator[tuple[Path, Document]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".md", ".txt", ".html", ".pdf") and path.name not in ("old-backup.txt", "gate-report.md"):
            yield path, reading.read(path.read_bytes(), path.name)


def _proposed(named: Sequence[tuple[str, Document]]) -> Iterator[tuple[Judged, Document]]:
    """The documents as batches: their passages and claims, without a ledger."""
    port, chunk = SpacyRules(), Chunk()
    items = [
        Item(n, n, UUID(int=n), name, "", "", 0, content_hash=f"{n}", outputs={"fetch": asdict(document)})
        for n, (name, document) in enumerate(named)
    ]
    items = [
        replace(_done(one).item, outputs={**one.item.outputs, "chunk": _done(one).output})
        for one in chunk.process(items)
    ]
    memos = {"entity": {}, "fact": {}}
    for one in Entities(port).process([replace(item, memos=memos) for item in items]):
        memos["entity"] |= _done(one).memos
    for n, (one, (_, document)) in enumerate(
        zip(Facts(port).process([replace(item, memos=memos) for item in items]), named, strict=True), 1
    ):
        patches = [(str(op), payload) for op, payload in _done(one).result]
        yield (
            Judged(n, digest_of(patches), document.text, patches, document.title, one.item.external_id, document.dated),
            document,
        )


def _done(outcome: object) -> Done:
    assert isinstance(outcome, Done), outcome
    return outcome
