"""Whose turn it is, and for how much. Pure rules over a snapshot: time comes in as an argument.

Between sources: the better class first; in one class start-time fair queueing (Goyal, Vin and Cheng 1996), the stride
scheduling that lets nobody save up. A source's `finish` is the virtual time up to which it has used its share: runs
divided by its weight. `virtual` is where the service stands; who was idle begins there, not where he left off.

Inside a source: the better class first, then retries and fresh handoffs by turns, each kind the longest waiting first.

A class is the priority, less one for each `AGING` that the work has waited: none waits for ever.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import Literal

from ingestion.profiles import Profile

AGING = timedelta(minutes=10)
CLASSES = 3
MUCH = 10**9
# This part of the system's room is kept for sources that have nothing in the air.
KEPT_FREE = 1 / 8


@dataclass(frozen=True)
class Waiting:
    """How much of one priority waits, counted up to State.counted_to, and since when the first of it does."""

    priority: int
    count: int
    oldest: datetime


@dataclass(frozen=True)
class Source:
    """One source with work that waits. `flying` counts its open flights, so what is lost cannot leak a place."""

    id: int
    kind: str
    weight: int
    waiting: tuple[Waiting, ...]
    flying: int = 0
    finish: float = 0.0
    paused: bool = False
    not_before: datetime | None = None
    next_slot: datetime | None = None


@dataclass(frozen=True)
class State:
    """The snapshot. `flying` counts the open flights of each kind, also those of sources that are not in `sources`.

    What waits is counted up to `counted_to`: that count means that many or more.
    """

    sources: Sequence[Source]
    flying: Mapping[str, int]
    open_flights: int
    flight_runs: int
    flight_bytes: int
    profiles: Mapping[str, Profile]
    virtual: float = 0.0
    counted_to: int = MUCH


@dataclass(frozen=True)
class Admission:
    """One flight for the source, with no more than this aboard, and nothing of a worse class than `worst`.

    It begins at `start`, a virtual time.
    """

    source_id: int
    runs: int
    size_bytes: int
    worst: int
    start: float

    def finish(self, runs: int, weight: int) -> float:
        """Return up to which virtual time the source's share is used, once `runs` went."""
        return self.start + runs / weight


def class_of(priority: int, since: datetime, now: datetime) -> int:
    """The priority, less one for each full `AGING` of waiting; 0 is the best there is."""
    return max(0, priority - max(0, int((now - since) // AGING)))


def allowance(source: Source, profile: Profile, now: datetime) -> float:
    """How many runs the source's rate lets go now: a token bucket, kept as one timestamp (GCRA, ITU-T I.371)."""
    if profile.rate_per_s is None:
        return float("inf")
    ahead = (source.next_slot - now).total_seconds() if source.next_slot else 0.0
    return profile.burst - max(ahead, 0.0) * profile.rate_per_s + 1e-6


def next_slot(slot: datetime | None, runs: int, profile: Profile, now: datetime) -> datetime | None:
    """Where the bucket's timestamp stands after `runs` went; None for a kind without a rate."""
    if profile.rate_per_s is None:
        return None
    return max(slot or now, now) + timedelta(seconds=runs / profile.rate_per_s)


class _Turn:
    """A source while it is being decided about."""

    def __init__(self, source: Source, state: State, now: datetime) -> None:
        profile = state.profiles.get(source.kind, Profile())
        self.source, self.profile = source, profile
        self.flying, self.finish = source.flying, source.finish
        self.tokens = allowance(source, profile, now)
        self.counts = [0] * CLASSES
        for waiting in source.waiting:
            count = waiting.count if waiting.count < state.counted_to else MUCH
            self.counts[class_of(waiting.priority, waiting.oldest, now)] += count
        self.total = sum(self.counts)

    @property
    def key(self) -> tuple[int, float, int]:
        """Sorts by class, then by who is most behind; the id makes it one order for every order of the snapshot."""
        best = next((number for number, count in enumerate(self.counts) if count), CLASSES)
        return best, self.finish, self.source.id

    def may_go(self, now: datetime) -> bool:
        source = self.source
        waits = source.paused or (source.not_before is not None and source.not_before > now)
        return not waits and self.tokens >= 1 and any(self.counts)

    def take(self, runs: int, start: float) -> None:
        self.flying += 1
        self.finish = start + runs / self.source.weight
        self.tokens -= runs
        for number, count in enumerate(self.counts):
            here = min(count, runs)
            self.counts[number] -= here
            runs -= here


def decide(state: State, now: datetime, *, most: int | None = None) -> list[Admission]:
    """Return the flights to open now, in order, no more than `most`. The order of `state.sources` does not matter."""
    turns = [_Turn(source, state, now) for source in state.sources]
    going = {turn.source.id: turn for turn in turns if turn.may_go(now)}
    heap = [turn.key for turn in going.values()]
    heapify(heap)
    flying = defaultdict(int, state.flying)
    room = state.open_flights - sum(flying.values())
    most = room if most is None else min(most, room)
    each = max(1, most // max(1, len(going)))  # how many flights a source's work is spread over
    kept = round(state.open_flights * KEPT_FREE)
    virtual = state.virtual
    admitted: list[Admission] = []
    while heap and len(admitted) < most:
        own, _, source_id = heappop(heap)
        turn = going[source_id]
        profile = turn.profile
        if _full(turn, flying[turn.source.kind]) or (room <= kept and _has_its_part(turn, virtual, state.flight_runs)):
            continue
        # What is of a worse class than the next source's work does not ride along.
        worst = max(own, heap[0][0] if heap else CLASSES)
        seats = sum(turn.counts[: worst + 1])
        runs = min(
            narrowest(state.flight_runs, profile.flight_runs),
            seats,
            -(-turn.total // each),
            int(min(turn.tokens, seats)),
        )
        virtual = max(virtual, turn.finish)
        size_bytes = narrowest(state.flight_bytes, profile.flight_bytes)
        admitted.append(Admission(source_id, runs, size_bytes, worst, virtual))
        turn.take(runs, virtual)
        flying[turn.source.kind] += 1
        room -= 1
        if turn.may_go(now):
            heappush(heap, turn.key)
    return admitted


def narrowest(limit: int, own: int | None) -> int:
    return limit if own is None else min(limit, own)


def _full(turn: _Turn, of_kind: int) -> bool:
    profile = turn.profile
    return (profile.flights is not None and of_kind >= profile.flights) or (
        profile.flights_per_source is not None and turn.flying >= profile.flights_per_source
    )


def _has_its_part(turn: _Turn, virtual: float, lead: int) -> bool:
    """Whether the source has something in the air, or used more of its share than one flight ahead of the others."""
    return turn.flying > 0 or turn.finish > virtual + lead


@dataclass(frozen=True)
class Waiter:
    """One retry that is due, or one fresh handoff."""

    kind: Literal["due", "fresh"]
    id: int
    priority: int
    since: datetime


def line(waiters: Iterable[Waiter], now: datetime) -> list[Waiter]:
    """Return a source's waiters in the order in which they go; what the statement NEXT of dispatch does in SQL."""
    places: dict[tuple[int, str], int] = defaultdict(int)
    keyed = []
    for waiter in sorted(waiters, key=lambda one: (one.since, one.id)):
        group = class_of(waiter.priority, waiter.since, now), waiter.kind
        keyed.append(((group[0], places[group], group[1]), waiter))
        places[group] += 1
    return [waiter for _, waiter in sorted(keyed, key=lambda pair: pair[0])]
