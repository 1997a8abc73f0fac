"""A document's passages, as the stages after chunk read them."""

import hashlib
from dataclasses import dataclass

from ingestion.outcomes import Item

# The vector of each text, for statements that need them and must not carry them here and back.
VECTORS = "SELECT text_hash, vector FROM ingestion_memo WHERE stage = 'embed' AND recipe = %(embed_recipe)s"


@dataclass(frozen=True)
class Span:
    """`text` is characters [start, end) of the document; `text_hash` its SHA-256, the key of every memo about it."""

    n: int
    start: int
    end: int
    text_hash: str
    text: str


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def spans_of(item: Item) -> list[Span]:
    text = item.outputs["fetch"]["text"]
    return [
        Span(n, start, end, text_hash, text[start:end])
        for n, (start, end, text_hash) in enumerate(item.outputs["chunk"]["spans"])
    ]
