"""What surrounds the ledger, in the test's hand: sources, models, and a broker that delivers when it is told to."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ingestion import adapters, connectors, flights, stages
from ingestion.flights import advance
from ingestion.ports import Claim, Content, Cursor, Entry, Listed, Mention, ScopeComplete
from ingestion.stages import ORDER
from ledger.failures import Malformed, Transient
from ledger.reasons import Reason
from tests.doubles import Literal, Moody

Message = tuple[int, str]  # flight, stage
Work = tuple[Any, ...]  # what flights.settle_or_single_out takes: the hold, the stage, its outcomes


class Shelf:
    """A connector: lists the items that lie on a shelf. An item is (signature, bytes)."""

    shelves: ClassVar[dict[str, dict[str, tuple[str, bytes]]]] = {}

    def __init__(self, shelf: str) -> None:
        self.items = self.shelves[shelf]

    def check(self) -> str:
        return "here"

    def list(self, cursor: Cursor) -> Iterator[Entry]:  # noqa: ARG002
        for name, (signature, data) in self.items.items():
            yield Listed(name, signature, len(data))
        yield ScopeComplete(len(self.items))

    def read(self, external_id: str, *, limit_bytes: int) -> Content:  # noqa: ARG002
        return Content(self.items[external_id][1])


class Ailing:
    """Models that fail on texts with certain words in them: `ails` says how, by word."""

    ails: ClassVar[dict[str, str]] = {}

    def suffer(self, texts: Sequence[str]) -> None:
        found = {how for word, how in self.ails.items() if any(word in text for text in texts)}
        if "bug" in found:
            raise RuntimeError("it fell over")
        if "malformed" in found:
            raise Malformed(Reason.CORRUPT)
        if "away" in found:
            raise Transient(Reason.REMOTE_UNAVAILABLE)


class Embeddings(Ailing, Moody):
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.suffer(texts)
        return super().embed(texts)


class Extractor(Ailing, Literal):
    def claims(self, texts: Sequence[str], mentions: Sequence[Sequence[Mention]]) -> list[list[Claim]]:
        self.suffer(texts)
        return super().claims(texts, mentions)


class Surroundings:
    """A broker whose messages lie in `posted` until they are delivered, and workers that can be frozen at their work.

    `works` is what workers had done when they came to settle it, `frozen` those of them that fell silent there.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.posted: list[Message] = []
        self.delivered: list[Message] = []
        self.works: list[Work] = []
        self.frozen: list[Work] = []
        self.freezing = False
        self._really_settle = flights.settle_or_single_out
        monkeypatch.setattr(flights, "settle_or_single_out", self._settle)
        monkeypatch.setattr("ingestion.ring.chain", self._publish)
        monkeypatch.setitem(connectors.CONNECTORS, "shelf", f"{__name__}.Shelf")
        monkeypatch.setitem(adapters.EMBEDDINGS, "ailing", f"{__name__}.Embeddings")
        monkeypatch.setitem(adapters.EXTRACTORS, "ailing", f"{__name__}.Extractor")
        self.begin_anew()

    def begin_anew(self) -> None:
        self.posted, self.delivered, self.works, self.frozen = [], [], [], []
        Ailing.ails.clear()
        Shelf.shelves.clear()
        Extractor.recipe = "ailing-1"
        self.forget()

    def upgrade(self) -> None:
        """From now on everything is done by a newer recipe."""
        name, _, version = Extractor.recipe.partition("-")
        Extractor.recipe = f"{name}-{int(version) + 1}"
        self.forget()

    def forget(self) -> None:
        for cached in (adapters._build, stages.table, stages.pipeline_recipe):
            cached.cache_clear()

    def deliver(self, message: Message, *, freeze: bool = False) -> None:
        """Have a worker take the flight through the stage; the next message of the chain follows if it goes on."""
        self.freezing = freeze
        self.delivered.append(message)
        flight, stage = message
        if advance(flight, stage, worker="frozen" if freeze else "w") and stage != ORDER[-1]:
            self.posted.append((flight, ORDER[ORDER.index(stage) + 1]))

    def settle(self, work: Work) -> bool:
        """A worker settles what it has done, late or again; whether the flight goes on from there."""
        if work in self.frozen:
            self.frozen.remove(work)
        boarding, goes_on = work[0], self._really_settle(*work)
        if goes_on and boarding.stage != ORDER[-1]:
            self.posted.append((boarding.flight_id, boarding.next))
        return goes_on

    def _settle(self, *work: Any) -> bool:
        self.works.append(work)
        if not self.freezing:
            return self._really_settle(*work)
        self.frozen.append(work)
        return False

    def _publish(self, *links: Any) -> "Surroundings":
        """Stands in the place of celery.chain: what is left of a flight is one message, to its first stage."""
        self.posted.append((links[0].args[0], links[0].task.removeprefix("ingestion.")))
        return self

    def apply_async(self, **_: Any) -> None:
        """It is posted already."""
