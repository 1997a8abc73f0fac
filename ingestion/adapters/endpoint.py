"""Asks an OpenAI-compatible endpoint: one JSON object there, one back, and every way in which that fails.

What goes wrong becomes a class of ledger/failures.py, decided by the status, the headers and the error's code; the
words of an answer are never read for it, logged or kept. The key is in no message: nothing here writes a header down.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from ingestion.metering import Usage
from ledger.failures import Auth, Failure, Malformed, RateLimited, Timeout, Transient
from ledger.reasons import Reason

CONNECT_S = 10.0
ANSWER_BYTES = 16 * 1024 * 1024
VISIT_S = 1500.0  # how long one call may keep asking: well below the time limit of a stage
WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
TOO_LONG = {"context_length_exceeded", "string_above_max_length"}
REFUSED = {"content_filter", "content_policy_violation"}
FINAL = {Reason.KEY_REFUSED, Reason.WRONG_DIMENSIONS}  # equally true of whatever is asked next
MILLION = 1_000_000

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Endpoint:
    """One model behind one base URL. Prices are per million tokens."""

    def __init__(
        self,
        *,
        url: str,
        key: SecretStr | None,
        timeout_s: float,
        concurrency: int,
        input_price: Decimal = Decimal(),
        output_price: Decimal = Decimal(),
    ) -> None:
        self.url = url
        self.key = key
        self.timeout_s = timeout_s
        self.concurrency = concurrency
        self.prices = (input_price, output_price)

    def ask(self, path: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to one question, whole within `timeout_s`.

        Raises RateLimited, Timeout, Transient, Auth, or Malformed if it is the question that cannot be answered.
        """
        until = time.monotonic() + self.timeout_s
        try:
            with self._client.stream("POST", path, json=question) as response:
                body = _read(response, until)
        except httpx.TimeoutException as exc:
            raise Timeout(Reason.REMOTE_SLOW) from exc
        except httpx.HTTPError as exc:
            raise Transient(Reason.REMOTE_UNAVAILABLE) from exc
        answer = _parsed(body)
        if response.status_code != httpx.codes.OK:
            raise _failure(response, answer or {})
        if answer is None:
            raise Transient(Reason.BAD_ANSWER, "no JSON object")
        return answer

    def each(self, ask_one: Callable[[Asked], Answer], questions: Sequence[Asked]) -> list[Answer | Failure]:
        """Ask several questions, a few at a time; return the answers in order, or why there is none.

        Once the endpoint asks to wait, refuses the key or cannot be reached, the rest is not asked and shares that
        failure. The rest also waits for another visit when this one takes too long; that spends no attempt.
        """
        until = time.monotonic() + VISIT_S
        stop: list[Failure] = []

        def attempt(question: Asked) -> Answer | Failure:
            if stop:
                return stop[0]
            if time.monotonic() > until:
                return RateLimited(Reason.VISIT_OVER, retry_after=timedelta())
            try:
                return ask_one(question)
            except Failure as failure:
                unreachable = isinstance(failure.__cause__, httpx.ConnectError | httpx.ConnectTimeout)
                if unreachable or isinstance(failure, RateLimited) or failure.reason in FINAL:
                    stop.append(failure)
                return failure

        if not questions:
            return []
        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="endpoint") as pool:
            return blamed(list(pool.map(attempt, questions)))

    def usage(self, answer: Mapping[str, Any]) -> Usage:
        """What an answer says that it cost; nothing if it does not say."""
        told = answer.get("usage")
        counts = [told.get(name) if isinstance(told, dict) else 0 for name in ("prompt_tokens", "completion_tokens")]
        read, written = (count if isinstance(count, int) and count > 0 else 0 for count in counts)
        return Usage(read, written, (self.prices[0] * read + self.prices[1] * written) / MILLION)

    @cached_property
    def _client(self) -> httpx.Client:
        # Made at the first question, so never before a worker forks. Redirects are not followed: they would take the
        # key elsewhere.
        headers = {"Accept-Encoding": "identity"}
        if self.key is not None:
            headers["Authorization"] = f"Bearer {self.key.get_secret_value()}"
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s)),
            limits=httpx.Limits(max_connections=self.concurrency),
        )


def blamed(answers: list[Answer | Failure]) -> list[Answer | Failure]:
    """Say whose fault a refused request is: the settings' if none was taken, else its text's."""
    if all(isinstance(answer, Failure) for answer in answers):
        return answers
    return [
        Malformed(answer.reason, answer.detail)
        if isinstance(answer, Auth) and answer.reason == Reason.REQUEST_REFUSED
        else answer
        for answer in answers
    ]


def encodable(text: str) -> str:
    """Return the text with something else in place of lone surrogates, which JSON cannot carry; equally long."""
    return text.encode(errors="replace").decode()


def _read(response: httpx.Response, until: float) -> bytes:
    """Read a body that may come in drops or without end."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise Transient(Reason.BAD_ANSWER, f"more than {ANSWER_BYTES} bytes")
        if time.monotonic() > until:
            raise Timeout(Reason.REMOTE_SLOW)
    return bytes(body)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _failure(response: httpx.Response, answer: Mapping[str, Any]) -> Failure:
    status, error = response.status_code, answer.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if status in (401, 403):
        return Auth(Reason.KEY_REFUSED, f"HTTP {status}")
    if status == httpx.codes.TOO_MANY_REQUESTS or (status >= 500 and "retry-after" in response.headers):  # noqa: PLR2004
        return RateLimited(Reason.REMOTE_BUSY, retry_after=_wait(response.headers.get("retry-after", "")))
    if status >= 500 or status == httpx.codes.REQUEST_TIMEOUT:  # noqa: PLR2004
        return Transient(Reason.REMOTE_UNAVAILABLE, f"HTTP {status}")
    if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE or code in TOO_LONG:
        return Malformed(Reason.TOO_LARGE, f"HTTP {status}")
    if code in REFUSED:
        return Malformed(Reason.MODEL_REFUSED, f"HTTP {status}")
    return Auth(Reason.REQUEST_REFUSED, f"HTTP {status}")


def _wait(told: str) -> timedelta:
    """Read Retry-After: seconds or a date (RFC 9110 §10.2.3)."""
    try:
        wait = timedelta(seconds=float(told))
    except (ValueError, OverflowError):
        try:
            wait = parsedate_to_datetime(told).astimezone(UTC) - datetime.now(UTC)
        except (ValueError, TypeError, OverflowError):
            return WAIT
    return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)
