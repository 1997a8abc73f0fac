"""A scheduler's world in small, driven by a virtual clock: sources that receive work, workers that take flights."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from ingestion.fairness import Source, State, Waiter, Waiting, class_of, decide, next_slot
from ingestion.profiles import Profile

START = datetime(2026, 1, 1, tzinfo=UTC)


def source(number: int, *waiting: Waiting, **fields: object) -> Source:
    given: dict[str, object] = {"id": number, "kind": "k", "weight": 1, "waiting": waiting}
    return Source(**given | fields)  # type: ignore[arg-type]


def state(*sources: Source, **fields: object) -> State:
    given: dict[str, object] = {
        "sources": sources,
        "flying": {},
        "open_flights": 16,
        "flight_runs": 64,
        "flight_bytes": 1000,
        "profiles": {},
    }
    return State(**given | fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Arrival:
    """At this second a source gets so many items of one priority."""

    at_s: float
    source: int
    count: int
    priority: int = 1


@dataclass
class World:
    """`sources` without waiting work; `waits` and `stays` are seconds until admission and until landing, per source."""

    sources: Sequence[Source]
    workers: int = 8
    open_flights: int = 16
    flight_runs: int = 64
    profiles: dict[str, Profile] = field(default_factory=dict)
    tick_s: float = 1.0
    run_s: float = 0.02
    waits: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    stays: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    admitted: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    most_open: dict[object, int] = field(default_factory=lambda: defaultdict(int))

    def run(self, arrivals: Iterable[Arrival], *, until_s: float) -> "World":
        coming = sorted(arrivals, key=lambda arrival: arrival.at_s)
        self.queues: dict[tuple[int, int], list[list[float]]] = defaultdict(list)  # [since, count], oldest first
        self.now = {one.id: one for one in self.sources}
        self.virtual = 0.0
        self.free_at = [0.0] * self.workers
        self.open: list[tuple[float, int]] = []  # (lands at, source)
        at = 0.0
        while at < until_s:
            while coming and coming[0].at_s <= at:
                arrival = coming.pop(0)
                self.queues[arrival.source, arrival.priority].append([arrival.at_s, arrival.count])
            while self.open and self.open[0][0] <= at:
                heappop(self.open)
            self.tick(at)
            at += self.tick_s
        return self

    def tick(self, at: float) -> None:
        now = START + timedelta(seconds=at)
        flying: dict[int, int] = defaultdict(int)
        kinds: dict[str, int] = defaultdict(int)
        for _, number in self.open:
            flying[number] += 1
            kinds[self.now[number].kind] += 1
        sources = [replace(self.now[n], waiting=w, flying=flying[n]) for n in self.now if (w := self.waiting(n))]
        look = State(sources, kinds, self.open_flights, self.flight_runs, 10**9, self.profiles, self.virtual)
        for admission in decide(look, now):
            one = self.now[admission.source_id]
            profile = self.profiles.get(one.kind, Profile())
            self.board(admission.source_id, admission.runs, at, now)
            slot = next_slot(one.next_slot, admission.runs, profile, now)
            finish = admission.finish(admission.runs, one.weight)
            self.now[one.id] = replace(one, finish=finish, next_slot=slot)
            self.virtual = admission.start
            flying[one.id] += 1
            kinds[one.kind] += 1
        for number, count in flying.items():
            self.most_open[number] = max(self.most_open[number], count)
        for kind, count in kinds.items():
            self.most_open[kind] = max(self.most_open[kind], count)
        self.most_open["all"] = max(self.most_open["all"], len(self.open))

    def waiting(self, number: int) -> tuple[Waiting, ...]:
        found = []
        for priority in range(3):
            if queue := self.queues.get((number, priority)):
                count = int(sum(count for _, count in queue))
                found.append(Waiting(priority, count, START + timedelta(seconds=queue[0][0])))
        return tuple(found)

    def board(self, number: int, runs: int, at: float, now: datetime) -> None:
        """Take the runs off the source's queues, the best class first, and put them on the first free worker."""
        begins = max(at, heappop(self.free_at))
        lands = begins + runs * self.run_s
        heappush(self.free_at, lands)
        heappush(self.open, (lands, number))
        left = runs
        while left:
            heads = [
                (class_of(priority, START + timedelta(seconds=queue[0][0]), now), queue[0][0], priority)
                for priority in range(3)
                if (queue := self.queues.get((number, priority)))
            ]
            _, since, priority = min(heads)
            queue = self.queues[number, priority]
            here = min(left, int(queue[0][1]))
            queue[0][1] -= here
            if not queue[0][1]:
                queue.pop(0)
            left -= here
            self.admitted[number, priority] += here
            self.waits[number] += [at - since] * here
            self.stays[number] += [lands - since] * here


def p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def waiter(kind: str, number: int, priority: int, waited_s: float) -> Waiter:
    return Waiter(kind, number, priority, START - timedelta(seconds=waited_s))  # type: ignore[arg-type]
