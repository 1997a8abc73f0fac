"""What answers cost: a stage opens a meter around its call, an adapter that is paid for writes to it.

Without a meter nothing is taken down: a question that somebody asks has no row in the ledger to stand in.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Usage:
    """Tokens read and written, and their price in the currency of the settings."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal()

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens, self.cost + other.cost
        )


FREE = Usage()
_METER: ContextVar[dict[int, Usage] | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[dict[int, Usage]]:
    """Give what each text cost, by its number in the call; texts that cost nothing are missing."""
    spent: dict[int, Usage] = defaultdict(Usage)
    token = _METER.set(spent)
    try:
        yield spent
    finally:
        _METER.reset(token)


def spend(number: int, usage: Usage) -> None:
    """Take down what text `number` of the call cost. From the thread that was called, not from its helpers."""
    meter = _METER.get()
    if meter is not None and usage != FREE:
        meter[number] = meter.get(number, FREE) + usage
