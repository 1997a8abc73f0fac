"""From assertions to what holds when: a pure function, so order, retries and duplicates cannot matter."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
RANK = {"day": 0, "month": 1, "year": 2, "unknown": 3}
MONTHS = 12


@dataclass(frozen=True, order=True)
class Held:
    """One live assertion of a slot: what holds, from `start` until before `end`; None is unknown or open."""

    start: datetime | None
    end: datetime | None
    object_key: str
    object_text: str = ""
    object_entity: str | None = None
    precision: str = "unknown"
    basis: str = "unknown"


def instants(period_start: str | None, period_end: str | None) -> tuple[datetime | None, datetime | None, str]:
    """Turn stated dates ("2019", "2019-05", "2019-05-02") into a half-open interval and its finest precision.

    The end is inclusive as stated: "until 2019" holds through 2019. Raises ValueError for a date that does not exist.
    """
    precision = min(
        (_precision(stated) for stated in (period_start, period_end) if stated), key=RANK.__getitem__, default="unknown"
    )
    start = _first(period_start) if period_start else None
    end = _after(period_end) if period_end else None
    if start and end and end <= start:
        raise ValueError("it ends before it starts")
    return start, end, precision


def _precision(stated: str) -> str:
    precisions = ("year", "month", "day")
    if stated.count("-") >= len(precisions):
        raise ValueError(f"no date: {stated!r}")
    return precisions[stated.count("-")]


def _first(stated: str) -> datetime:
    year, month, day = [*map(int, stated.split("-")), 1, 1][:3]
    return datetime(year, month, day, tzinfo=UTC)


def _after(stated: str) -> datetime | None:
    """The first instant after the stated day, month or year; None after the last one that can be written."""
    first = _first(stated)
    try:
        match _precision(stated):
            case "year":
                return first.replace(year=first.year + 1)
            case "month":
                return first.replace(year=first.year + first.month // MONTHS, month=first.month % MONTHS + 1)
            case _:
                return first + timedelta(days=1)
    except (ValueError, OverflowError):
        if first.year == date.max.year:
            return None
        raise


def timeline(assertions: Iterable[Held], cardinality: str) -> list[Held]:
    """Return what holds when, without overlap, in order of start; the time it takes grows as sorting does.

    `single`: one value at a time; sorted by start, each value closes the one before it. Else all assertions are of one
    value: `many` unites their intervals, and neighbours merge as they do of one value of a `single` slot; an `event`
    happens again and again, and does not go on.
    """
    found = sorted(assertions, key=_order)
    if cardinality == "event":
        return _occurrences(found)
    found = _joined(found)
    return _merge(_successive(found) if cardinality == "single" else found)


def _joined(found: Sequence[Held]) -> list[Held]:
    """Let the ends that are stated close what others left open: "since 2011" and "until 2019" are one stay.

    An open start ends at the first end that is stated for the same value after it. An end without a start of its own
    belongs to an earlier start of the same value, where there is one.
    """
    ends: dict[str, list[datetime]] = defaultdict(list)
    starts: dict[str, list[datetime]] = defaultdict(list)
    for held in found:
        if held.end:
            ends[held.object_key].append(held.end)
        if held.start:
            starts[held.object_key].append(held.start)
    for stated in (*ends.values(), *starts.values()):
        stated.sort()
    joined = []
    for held in found:
        if held.start and not held.end:
            later = bisect_right(ends[held.object_key], held.start)
            joined.append(_until(held, next(iter(ends[held.object_key][later : later + 1]), None)))
        elif held.start or not held.end or not starts[held.object_key] or starts[held.object_key][0] >= held.end:
            joined.append(held)
    return sorted(joined, key=_order)


def _occurrences(found: Sequence[Held]) -> list[Held]:
    """Of events that overlap the most narrowly dated one stands for all; neighbours are two events."""
    stand: list[Held] = []
    starts: list[datetime] = []
    for held in sorted(found, key=lambda held: (held.end or LATEST) - (held.start or EARLIEST)):
        start, end = held.start or EARLIEST, held.end or LATEST
        place = bisect_right(starts, start)
        clear = place == 0 or (stand[place - 1].end or LATEST) <= start
        if clear and (place == len(starts) or starts[place] >= end):
            stand.insert(place, held)
            starts.insert(place, start)
    return stand


def _order(held: Held) -> tuple[datetime, datetime, str, int, str, str]:
    """A total order: equal sets of assertions are walked equally, whatever order they arrived in."""
    return (
        held.start or EARLIEST,
        held.end or LATEST,
        held.object_key,
        RANK[held.precision],
        held.basis,
        held.object_text,
    )


def _successive(found: Sequence[Held]) -> list[Held]:
    """Cut each value off where the next one starts; of several that start together the best supported one stays."""
    # An end alone says nothing of when it began: beside a value that began before that end it cannot be placed.
    earliest = min((held.start for held in found if held.start), default=LATEST)
    placed = [held for held in found if held.start or held.end is None or held.end <= earliest]
    firsts = [_elect(list(group)) for _, group in groupby(placed, key=lambda held: held.start or EARLIEST)]
    cut = []
    for held, following in zip(firsts, [*firsts[1:], None], strict=False):  # both may be none at all
        end = held.end
        if following is not None and (end or LATEST) > (following.start or EARLIEST):
            end = following.start
        cut.append(_until(held, end))
    return cut


def _elect(candidates: list[Held]) -> Held:
    """Of values that start at the same moment: most assertions first, then the smaller key; its longest reach."""
    support: dict[str, int] = {}
    for held in candidates:
        support[held.object_key] = support.get(held.object_key, 0) + 1
    key = min(support, key=lambda key: (-support[key], key))
    chosen = [held for held in candidates if held.object_key == key]
    return _until(chosen[0], _later(*(held.end for held in chosen)))


def _merge(found: Iterable[Held]) -> list[Held]:
    merged: list[Held] = []
    for held in found:
        last = merged[-1] if merged else None
        touches = last is not None and (last.end or LATEST) >= (held.start or EARLIEST)
        if last is not None and touches and last.object_key == held.object_key:
            merged[-1] = _until(last, _later(last.end, held.end))
        else:
            merged.append(held)
    return merged


def _later(*ends: datetime | None) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _until(held: Held, end: datetime | None) -> Held:
    return Held(held.start, end, held.object_key, held.object_text, held.object_entity, held.precision, held.basis)
