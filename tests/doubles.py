"""Models whose answers a test decides, behind the ports' contracts."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.ports import Claim, Mention, Period
from ledger.failures import Transient
from ledger.reasons import Reason
from patches.predicates_seed import SEED

TYPES = {predicate.name: (predicate.subject_types[0], predicate.object_types[0]) for predicate in SEED}


class Moody:
    """Embeds as Hashing does; a text with BUG breaks it, with AWAY its remote side does not answer."""

    dim = Hashing.dim
    recipe = "moody"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("BUG" in text for text in texts):
            raise RuntimeError("it fell over")
        if any("AWAY" in text for text in texts):
            raise Transient(Reason.REMOTE_UNAVAILABLE)
        self.seen += texts
        return Hashing().embed(texts)


class Literal:
    """Claims what a line says: `led_by: Acme > Ann [2011..2014]`, either end may be missing.

    A predicate with `!` at its end comes without a quote.
    """

    recipe = "literal"
    line = re.compile(r"^(\w+)(!?): (.+?) > (.+?)(?: \[(.*)\.\.(.*)\])?$", re.MULTILINE)

    def entities(self, texts: Sequence[str]) -> list[list[Mention]]:
        return [[] for _ in texts]

    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim]]:  # noqa: ARG002
        return [[self.claim(found) for found in self.line.finditer(text)] for text in texts]

    def claim(self, found: re.Match[str]) -> Claim:
        predicate, mute, subject, object_, since, until = found.groups()
        subject_type, object_type = TYPES.get(predicate, ("organization", "person"))
        start, end = found.span()
        period = Period(since or None, until or None)
        return Claim(predicate, subject, subject_type, object_, object_type, start, start if mute else end, period)
