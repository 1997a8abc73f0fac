"""The events sealed by a chain of hashes, so that whoever alters the past, be it as a superuser, is found out.

A seal covers a span of time. It holds the SHA-256 of the span's events and of the seal before it: to hide a change
all later seals have to be made anew, and then their last digest is not the one that was noted elsewhere.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from ledger import statements
from ledger.models import Seal

SEAL_LOCK = 7_304_530
AT_ONCE = 50_000
GENESIS = "0" * 64
BEGINNING = "0001-01-01 00:00:00+00"

# An event has the time at which its transaction began: none of before the oldest open transaction is still to come.
HORIZON = """
SELECT least(now(), min(xact_start)) - interval '1 s' FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL
"""
SEAL_EVERY_S = 60
DUE = "SELECT NOT EXISTS (SELECT FROM ledger_seal WHERE at > now() - make_interval(secs => %s) AND events < %s)"
LAST = "SELECT until, digest FROM ledger_seal ORDER BY until DESC LIMIT 1"
# A span ends where AT_ONCE events have been counted, with all of the same moment in it.
SPAN = """
SELECT max(at) + interval '1 us' FROM (
  SELECT at FROM ledger_event WHERE at >= %(since)s AND at < %(horizon)s ORDER BY at LIMIT %(most)s) span
"""
CONTENT = """
SELECT count(*), coalesce(encode(sha256(convert_to(string_agg(
  jsonb_build_array(id, extract(epoch FROM at), lifecycle, row_id, was, became, reason, by, note, request_id)::text,
  E'\\n' ORDER BY id),
  'UTF8')), 'hex'), '')
FROM ledger_event WHERE at >= %(since)s AND at < %(until)s
"""


# How long after the last seal's end the newest event happened.
BEHIND = """
SELECT coalesce(greatest(0, extract(epoch FROM newest.at - coalesce(
  (SELECT max(until) FROM ledger_seal), (SELECT at FROM ledger_event ORDER BY id LIMIT 1)))), 0)::float
FROM (SELECT max(at) AS at FROM (SELECT at FROM ledger_event ORDER BY id DESC LIMIT 1) last) newest
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Broken:
    """A seal that does not hold, and what it shows."""

    seal: int
    since: datetime
    until: datetime
    says: str


@dataclass(frozen=True)
class Verified:
    """How much of the log is sealed and sound; `digest` is what to note elsewhere."""

    seals: int
    events: int
    unsealed: int
    digest: str
    broken: list[Broken]


def keep_sealed() -> None:
    """Seal the next span if the last seal is SEAL_EVERY_S old, or was of a full span: a chore of who is on duty."""
    [(due,)] = statements.rows(DUE, [SEAL_EVERY_S, AT_ONCE])
    if due:
        _seal_next()


def seal() -> int:
    """Seal what has happened since the last seal; return how many events. Nothing while another process seals."""
    sealed = 0
    while count := _seal_next():
        sealed += count
    return sealed


def _seal_next() -> int:
    with transaction.atomic(durable=True):
        [(alone,)] = statements.rows("SELECT pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
        if not alone:
            return 0
        [(horizon,)] = statements.rows(HORIZON)
        since, previous = next(iter(statements.rows(LAST)), (BEGINNING, GENESIS))
        [(until,)] = statements.rows(SPAN, {"since": since, "horizon": horizon, "most": AT_ONCE})
        if until is None:
            return 0
        count, content = _content(since, until)
        digest = _digest(previous, until, count, content)
        made = Seal.objects.create(since=since, until=until, events=count, previous=previous, digest=digest)
    # Logs are kept elsewhere: who takes the newest seals away with their events is found out by them.
    log.info("events sealed", seal=made.pk, events=count, digest=digest)
    return count


def behind_s() -> float:
    """How many seconds after the end of the last seal the newest event happened; 0 when all is sealed."""
    [(seconds,)] = statements.rows(BEHIND)
    return float(seconds)


def verify(*, newest: int | None = None) -> Verified:
    """Compute every seal again from the events, or the newest few of them. One statement a seal."""
    broken: list[Broken] = []
    seals = events = 0
    expected, last = GENESIS, None
    rows = Seal.objects.order_by("until")
    if newest is not None and (before := rows.count() - newest) > 0:
        known = rows[before - 1]
        expected, last, rows = known.digest, known.until, rows.filter(until__gt=known.until)
    for one in rows.iterator():
        seals, events = seals + 1, events + one.events
        broken += [Broken(one.pk, one.since, one.until, says) for says in _faults(one, expected, last)]
        expected, last = one.digest, one.until
    after = statements.rows("SELECT count(*) FROM ledger_event WHERE at >= %s", [last or BEGINNING])
    return Verified(seals, events, after[0][0], expected, broken)


def _faults(one: Seal, expected: str, last: datetime | None) -> Iterator[str]:
    if one.previous != expected:
        yield "the seal before it is missing or was made anew"
    if last is not None and one.since != last:
        yield "it does not begin where the one before ends"
    count, content = _content(one.since, one.until)
    if count != one.events:
        yield f"it covers {one.events} events, and there are {count}"
    elif _digest(one.previous, one.until, count, content) != one.digest:
        yield "an event in it was altered, or the seal was"


def _content(since: Any, until: Any) -> tuple[int, str]:
    [(count, content)] = statements.rows(CONTENT, {"since": since, "until": until})
    return count, content


def _digest(previous: str, until: datetime, count: int, content: str) -> str:
    return hashlib.sha256(f"{previous}\n{until.isoformat()}\n{count}\n{content}".encode()).hexdigest()
