"""Dates as people write them, and the store's own clock: apply numbers, and the times at which they were given."""

from datetime import UTC, datetime, timedelta

from ledger import statements
from patches.timeline import instants

TIMES = """
SELECT seq, at FROM patches_applytransaction
WHERE reflection_id = %(reflection)s AND at <= %(moment)s::timestamptz ORDER BY at DESC, seq DESC LIMIT 1
"""
LATEST = "SELECT coalesce(max(seq), 0) FROM patches_applytransaction"

GIVE = "give 2026-05, 2026-05-02, 2026-05-02T14:30 or 2026-05-02T14:30+02:00"


class Unclear(ValueError):
    """What was asked for cannot be understood, or is not there; the message says what would be."""


def period(stated: str) -> tuple[datetime | None, datetime | None]:
    """The whole of a year, month or day, half open: "2019-05" is [1 May, 1 June). Raises Unclear."""
    try:
        start, end, precision = instants(stated, stated)
    except ValueError:
        precision = "unknown"
    if precision == "unknown":
        raise Unclear(
            f"{stated!r} is no date: give a year, month or day, such as 2019, 2019-05 or 2019-05-02"
        ) from None
    return start, end


def apply_number(reflection_id: int, stated: str) -> int:
    """The apply number that is meant: itself, or the last one at or before a time; 0 when there was none yet.

    A month or day means its end; a time without a zone is UTC. A number is always an apply number, never a year.
    Raises Unclear, also for a number that was not given yet: what is known then can still change.
    """
    if stated.isdecimal():
        seq = int(stated)
        [(latest,)] = statements.rows(LATEST)
        if seq > latest:
            raise Unclear(f"there is no apply number {seq} yet: the last one is {latest}")
        return seq
    found = statements.rows(TIMES, {"reflection": reflection_id, "moment": _moment(stated)})
    return int(found[0][0]) if found else 0


def _moment(stated: str) -> datetime:
    if "T" not in stated and " " not in stated.strip():
        try:
            _, end = period(stated)
        except Unclear:
            raise Unclear(
                f"{stated!r} is neither an apply number nor a time: give 41, 2026-05-02 or 2026-05-02T14:30"
            ) from None
        return end - timedelta(microseconds=1) if end else datetime.max.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(stated.strip())
    except ValueError:
        raise Unclear(
            f"{stated!r} is no time: give one such as 2026-05-02T14:30 or 2026-05-02T14:30:00+02:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
