"""What the vector index finds of what looking at each passage finds, over sentences of this machine."""

import hashlib
import re
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from benchmarks.filling import empty
from benchmarks.pipeline import LIBRARY, MANUALS
from benchmarks.report import Report
from handoffs.models import Reflection, Source
from ingestion.adapters import chosen_embeddings
from ingestion.connectors import DEFAULT
from ledger import statements
from patches import vectors
from patches.models import PatchBatch
from patches.search import EVERYTHING, Within, nearest

BUDGET = 0.98
FIRST = 10
SOURCES = 50  # a filter leaves one part in so many
SENTENCE = re.compile(r"\n\s*\n|(?<=[.!?])\s+(?=[A-Z])")
SHORTEST, LONGEST = 40, 400  # characters
COPY = 'COPY patches_passage (reflection_id, batch_id, n, start, "end", text, text_hash, vector, live) FROM STDIN'


@dataclass(frozen=True)
class Recall:
    """Shares of the ten nearest that were found; milliseconds of a search by vectors alone; seconds of a build."""

    passages: int
    questions: int
    recall: float
    recall_of_a_source: float
    build_s: float
    index_mb: float
    indexed_p50: float
    indexed_p95: float
    exact_p50: float
    exact_p95: float


def measure(report: Report, *, passages: int, questions: int) -> None:
    """Store real sentences with their real vectors, ask with others of their kind, and leave the store empty."""
    empty()
    found = _sentences(passages + questions)
    rows = chosen_embeddings().embed(found)
    stored, asked = found[: len(found) - questions], rows[len(found) - questions :]
    reflection = Reflection.objects.create(name="bench")
    try:
        sources = _fill(reflection, stored, rows)
        report.recall = asdict(_compare(reflection.pk, sources, len(stored), rows.shape[1], asked))
    finally:
        for name, _, _ in vectors._indexes(rows.shape[1]):
            vectors._drop(name)
        empty()
    print(_told(Recall(**report.recall)), flush=True)


def _told(found: Recall) -> str:
    verdict = "met" if found.recall >= BUDGET else "MISSED"
    return (
        f"recall: {found.passages} passages, {found.questions} questions; index built in {found.build_s:.1f} s, "
        f"{found.index_mb:.0f} MB\n"
        f"  recall@{FIRST} {found.recall:.4f} (budget ≥ {BUDGET:g}: {verdict}), "
        f"of one source in {SOURCES} {found.recall_of_a_source:.4f}\n"
        f"  by the index p50 {found.indexed_p50:.1f} ms, p95 {found.indexed_p95:.1f} ms; "
        f"looking at each p50 {found.exact_p50:.1f} ms, p95 {found.exact_p95:.1f} ms"
    )


def _compare(reflection_id: int, sources: Sequence[int], passages: int, dim: int, asked: NDArray[np.float32]) -> Recall:
    narrow = [Within(sources=[sources[n % len(sources)]]) for n in range(len(asked))]
    wide = [EVERYTHING] * len(asked)

    def answers(within: Sequence[Within]) -> tuple[list[list[int]], list[float]]:
        return _timed(lambda n: nearest(reflection_id, asked[n].tolist(), within=within[n]), len(asked))

    exactly, exact_ms = answers(wide)
    narrowly, _ = answers(narrow)
    began = time.perf_counter()
    vectors.build(dim)
    build_s = time.perf_counter() - began
    [(size,)] = statements.rows(
        "SELECT pg_relation_size(%s::regclass)", [f"{vectors.PREFIX}{dim}_{vectors.indexed_until(dim)}"]
    )
    answers(wide)  # warm
    indexed, indexed_ms = answers(wide)
    within, _ = answers(narrow)
    return Recall(
        passages,
        len(asked),
        _share(indexed, exactly),
        _share(within, narrowly),
        build_s,
        size / 1e6,
        median(indexed_ms),
        quantiles(indexed_ms, n=20)[-1],
        median(exact_ms),
        quantiles(exact_ms, n=20)[-1],
    )


def _timed(ask: Callable[[int], list[int]], count: int) -> tuple[list[list[int]], list[float]]:
    found, took = [], []
    for number in range(count):
        began = time.perf_counter()
        found.append(ask(number))
        took.append(1000 * (time.perf_counter() - began))
    return found, took


def _share(found: list[list[int]], true: list[list[int]]) -> float:
    hit = sum(len({*one[:FIRST]} & {*other[:FIRST]}) for one, other in zip(found, true, strict=True))
    return hit / sum(len(other[:FIRST]) for other in true)


def _fill(reflection: Reflection, texts: Sequence[str], rows: NDArray[np.float32]) -> list[int]:
    """One batch a source, the passages spread over them."""
    sources = Source.objects.bulk_create(
        Source(reflection=reflection, name=f"source {n}", kind=DEFAULT) for n in range(SOURCES)
    )
    batches = PatchBatch.objects.bulk_create(
        PatchBatch(reflection=reflection, source=source, content_hash=f"{n:064}", recipe="r", digest="d")
        for n, source in enumerate(sources)
    )
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for n, text in enumerate(texts):
            vector = "[" + ",".join(format(x, ".7g") for x in rows[n]) + "]"
            digest = hashlib.sha256(text.encode()).hexdigest()
            copy.write_row((reflection.pk, batches[n % SOURCES].pk, n, 0, len(text), text, digest, vector, True))
    statements.run("VACUUM (ANALYZE) patches_passage")
    return [source.pk for source in sources]


def _sentences(count: int) -> list[str]:
    """Distinct sentences and paragraphs of the machine's manuals and Python code, by their texts' hashes."""
    seen: set[str] = set()
    for path in _files():
        try:
            text = path.read_text(encoding="utf-8").replace("\0", "")
        except (UnicodeDecodeError, OSError):
            continue
        parts = (" ".join(part.split()) for part in SENTENCE.split(text))
        seen |= {part for part in parts if SHORTEST <= len(part) <= LONGEST}
        if len(seen) >= 1.5 * count:
            break
    return sorted(seen, key=lambda text: hashlib.sha256(text.encode()).digest())[:count]


def _files() -> Iterator[Path]:
    yield from (path for path in sorted(MANUALS.rglob("*")) if path.is_file() and not path.is_symlink())
    for folder in (LIBRARY, Path(sysconfig.get_path("purelib"))):
        yield from (path for path in sorted(folder.rglob("*.py")) if path.stat().st_size)
