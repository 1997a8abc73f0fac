"""What goes wrong between us and a remote side over HTTP, as classes of failure; nothing here waits or tries again."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from ledger.failures import Auth, Timeout, Transient
from ledger.reasons import Reason

AGENT = "Sluicegate (self-hosted ingestion)"
LEAST_WAIT, MOST_WAIT = timedelta(seconds=1), timedelta(days=1)


@contextmanager
def calling() -> Iterator[None]:
    """Raise what httpx raises as Timeout, Transient, or Auth for a certificate that does not hold."""
    try:
        yield
    except httpx.TimeoutException as exc:
        raise Timeout(Reason.REMOTE_SLOW) from exc
    except httpx.RequestError as exc:
        if untrusted(exc):
            raise Auth(
                Reason.UNTRUSTED, "the certificate is not valid for this host; see its dates, or add its CA"
            ) from exc
        raise Transient(Reason.REMOTE_UNAVAILABLE, type(exc).__name__) from exc


def untrusted(exc: BaseException | None) -> bool:
    """Whether a certificate is what lies beneath."""
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def asked_to_wait(headers: httpx.Headers) -> timedelta | None:
    """Return what Retry-After asks for, in seconds or as a date; None where it is not there or not understood."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return bounded(timedelta(seconds=min(int(value), 10**8)))
    until = moment(value)
    return bounded(until - (moment(headers.get("date", "")) or datetime.now(UTC))) if until else None


def moment(value: str) -> datetime | None:
    """Read an HTTP date; None for what is none."""
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def bounded(wait: timedelta) -> timedelta:
    return min(max(wait, LEAST_WAIT), MOST_WAIT)
