"""openai: vectors from any endpoint that speaks OpenAI's protocol; the texts go there."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from ingestion.adapters.endpoint import Endpoint, blamed, encodable
from ingestion.metering import Usage, spend
from ingestion.ports import Row
from ledger.failures import Auth, Failure, Malformed, Transient
from ledger.reasons import Reason

BATCH = 64
BLANK = " \t\r\n\0"
OF_ONE_TEXT = (Reason.REQUEST_REFUSED, Reason.TOO_LARGE, Reason.MODEL_REFUSED)  # what one text may do to its batch


class OpenAI:
    """`dim` is what the model gives; vectors of another length are refused."""

    def __init__(self, *, model: str, dim: int, **endpoint: Any) -> None:
        self.dim = dim
        self.model = model
        # The address is no part of it: a server that moves makes the same vectors.
        self.recipe = f"openai-{model[:60]}-{dim}-{hashlib.sha256(model.encode()).hexdigest()[:8]}-v1"
        self.endpoint = Endpoint(**endpoint)

    def embed(self, texts: Sequence[str]) -> Row | list[Row | Failure]:
        """Return one unit row per text; a text of blanks gets the first axis and is not sent."""
        numbers = [number for number, text in enumerate(texts) if text.strip(BLANK)]
        batches = [[texts[n] for n in numbers[start : start + BATCH]] for start in range(0, len(numbers), BATCH)]
        answers: list[tuple[Row | Failure, Usage]] = []
        for batch, answer in zip(batches, self.endpoint.each(self._batch, batches), strict=True):
            answers += [(answer, Usage())] * len(batch) if isinstance(answer, Failure) else answer
        rows: list[Row | Failure] = [np.eye(1, self.dim, dtype=np.float32)[0]] * len(texts)
        for number, row, (_, usage) in zip(numbers, blamed([row for row, _ in answers]), answers, strict=True):
            rows[number] = row
            spend(number, usage)
        good = [row for row in rows if not isinstance(row, Failure)]
        return np.array(good, dtype=np.float32).reshape(len(good), self.dim) if len(good) == len(rows) else rows

    def _batch(self, texts: list[str]) -> list[tuple[Row | Failure, Usage]]:
        """Ask for one batch; halve it until the text is found that makes the endpoint refuse it."""
        try:
            return self._ask(texts)
        except (Auth, Malformed) as failure:
            if failure.reason not in OF_ONE_TEXT:
                raise
            if len(texts) == 1:
                return [(failure, Usage())]
        half = len(texts) // 2
        return [*self._batch(texts[:half]), *self._batch(texts[half:])]

    def _ask(self, texts: list[str]) -> list[tuple[Row | Failure, Usage]]:
        question = {"model": self.model, "input": [encodable(text) for text in texts], "encoding_format": "float"}
        answer = self.endpoint.ask("embeddings", question)
        return list(zip(self._rows(answer, len(texts)), _parts(self.endpoint.usage(answer), texts), strict=True))

    def _rows(self, answer: Mapping[str, Any], count: int) -> Iterator[Row]:
        """Yield the vectors in the order of their texts, which is not always that of the answer."""
        try:
            by_index = {int(entry["index"]): np.array(entry["embedding"], dtype=np.float32) for entry in answer["data"]}
        except (KeyError, TypeError, ValueError) as exc:
            raise Transient(Reason.BAD_ANSWER, "no vectors") from exc
        if sorted(by_index) != list(range(count)):
            raise Transient(Reason.BAD_ANSWER, f"{len(by_index)} vectors for {count} texts")
        for index in range(count):
            row = by_index[index]
            if row.shape != (self.dim,):
                raise Auth(Reason.WRONG_DIMENSIONS, f"{row.shape[0] if row.shape else 0}, not {self.dim}")
            length = np.linalg.norm(row)
            if not np.isfinite(length) or length == 0:
                raise Transient(Reason.BAD_ANSWER, "a vector without direction")
            unit: Row = (row / length).astype(np.float32)
            yield unit


def _parts(usage: Usage, texts: Sequence[str]) -> Iterator[Usage]:
    """Share out what a batch cost by the length of its texts; the parts add up to the whole."""
    total, seen, before = sum(map(len, texts)), 0, 0
    for text in texts:
        seen += len(text)
        tokens = usage.input_tokens * seen // total
        cost = usage.cost * (tokens - before) / usage.input_tokens if usage.input_tokens else Decimal()
        yield Usage(tokens - before, 0, cost)
        before = tokens
