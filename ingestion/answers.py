"""What a port answered for the new texts of a flight, and each item's share in it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ingestion.metering import FREE, Usage, metered
from ingestion.passages import Span
from ledger.failures import Failure, Transient

T = TypeVar("T")


@dataclass(frozen=True)
class Share(Generic[T]):
    """One item's part: the new answers to its texts by hash, what they cost it, and the failure that stops it."""

    found: Mapping[str, T]
    spent: Usage
    failure: Failure | None


@dataclass(frozen=True)
class Answers(Generic[T]):
    """By text hash. A cost is handed out once: the first item with the text bears it."""

    found: Mapping[str, T]
    failures: Mapping[str, Failure]
    costs: dict[str, Usage]

    def share(self, spans: Sequence[Span]) -> Share[T]:
        hashes = dict.fromkeys(span.text_hash for span in spans)
        failures = [self.failures[text_hash] for text_hash in hashes if text_hash in self.failures]
        # what another attempt cannot mend decides; with several that it can, the first does
        lasting = [failure for failure in failures if not isinstance(failure, Transient)]
        return Share(
            {text_hash: self.found[text_hash] for text_hash in hashes if text_hash in self.found},
            sum((self.costs.pop(text_hash, FREE) for text_hash in hashes), FREE),
            next(iter([*lasting, *failures]), None),
        )


def ask(hashes: Sequence[str], call: Callable[[], Iterable[T | Failure]]) -> Answers[T]:
    """Let `call` answer one text for each hash, in order, and take down what that cost."""
    with metered() as spent:
        answers = dict(zip(hashes, call(), strict=True))
    found = {text_hash: answer for text_hash, answer in answers.items() if not isinstance(answer, Failure)}
    failures = {text_hash: answer for text_hash, answer in answers.items() if isinstance(answer, Failure)}
    return Answers(found, failures, {hashes[number]: usage for number, usage in spent.items()})
