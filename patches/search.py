"""Answer a question from the live passages: nearest vectors and matching words, fused by reciprocal rank."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import statements
from patches.sql import statement

CANDIDATES = 50
RANK_CONSTANT = 60  # Cormack, Clarke and Büttcher 2009: reciprocal rank fusion


@dataclass(frozen=True)
class Hit:
    score: float
    text: str
    title: str
    sources: Sequence[str]  # the names of the live references that carry it
    start: int
    end: int


def search(reflection_id: int, words: str, vector: Sequence[float], *, limit: int = 5) -> list[Hit]:
    """Return at most `limit` passages, best first; a passage that stands in several documents is named once."""
    found = statements.rows(
        statement("search"),
        {
            "reflection": reflection_id,
            "words": words,
            "vector": "[" + ",".join(format(x, ".7g") for x in vector) + "]",
            "dim": len(vector),
            "candidates": CANDIDATES,
            "k": RANK_CONSTANT,
            "limit": limit,
        },
    )
    return [Hit(*row) for row in found]
