"""What each kind of connector is declared to take of the system, beside what its flights were measured to take.

Where the two part there is advice: what was declared, what was measured, and which setting to raise or to lower.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.conf import settings

from ingestion import connectors
from ingestion.stages import ORDER
from ledger import statements
from ledger.rendering import duration, size

LATEST = 20_000  # visits that are looked at, of all sources or of one
DAYS = 7
FEWEST = 20  # visits to a stage that say something
ROOM = 1.25  # of what was measured, for what to declare
FAR_BELOW = 0.5  # of what is declared
NEAR_ITS_LIMIT = 0.5  # of a stage's time
WAITS = 3  # times as long as the work itself
IDLE = 0.25  # of the time a CPU is busy

MEASURED = """
SELECT s.kind, v.stage, count(*), percentile_disc(0.95) WITHIN GROUP (ORDER BY v.peak_bytes),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY v.took_s), percentile_disc(0.95) WITHIN GROUP (ORDER BY v.waited_s),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY cardinality(v.runs)),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY v.size_bytes), sum(v.cpu_s), sum(v.took_s)
FROM (SELECT * FROM ingestion_visit {which} ORDER BY id DESC LIMIT %(latest)s) v
JOIN handoffs_source s ON s.id = v.source_id
WHERE v.ended_at > now() - %(days)s * interval '1 day' GROUP BY 1, 2
"""
OF_ONE = "WHERE source_id = %(source)s"


@dataclass(frozen=True)
class Declared:
    """The limits that hold for a kind: its own, or where it has none the system's."""

    flights: int
    flights_per_source: int
    flight_runs: int
    flight_bytes: int
    memory_bytes: int
    stage_s: float
    rate_per_s: float | None


@dataclass(frozen=True)
class AtStage:
    """The visits to a stage in the last days: what 95 of 100 stayed below, and the share of time with a CPU at work."""

    visits: int
    peak_bytes: int
    took_s: float
    waited_s: float
    runs: int
    size_bytes: int
    cpu_s: float
    all_took_s: float

    @property
    def busy(self) -> float:
        return self.cpu_s / self.all_took_s if self.all_took_s else 0.0


@dataclass(frozen=True)
class Profiled:
    kind: str
    declared: Declared
    stages: dict[str, AtStage] = field(default_factory=dict)

    @property
    def telling(self) -> dict[str, AtStage]:
        """The stages that were visited often enough."""
        return {stage: seen for stage, seen in self.stages.items() if seen.visits >= FEWEST}

    @property
    def hungriest(self) -> tuple[str, AtStage] | None:
        return max(self.telling.items(), key=lambda one: one[1].peak_bytes, default=None)

    @property
    def advice(self) -> list[str]:
        return [*_of_memory(self), *_of_time(self), *_of_waiting(self)]


@dataclass(frozen=True)
class Machine:
    """What there is, and how many processes one worker has of it."""

    cpus: int
    memory_bytes: int
    workers: int
    usual_workers: int  # what it would be if nobody had said

    def advice(self, profiles: Sequence[Profiled]) -> list[str]:
        """What to do where all processes at once may want more memory than there is."""
        peaks = [seen.peak_bytes for one in profiles if one.hungriest for _, seen in [one.hungriest]]
        most = max(peaks, default=0)
        if most * self.workers <= self.memory_bytes:
            return []
        fits = max(1, self.memory_bytes // most)
        return [
            f"{self.workers} processes with {size(most)} each (measured, p95) may want more than the "
            f"{size(self.memory_bytes)} that there are: lower SLUICEGATE_WORKER_CONCURRENCY to {fits}"
        ]


def machine() -> Machine:
    return Machine(
        settings.USABLE_CPUS, settings.USABLE_BYTES, settings.WORKER_CONCURRENCY, settings.USUAL_WORKER_CONCURRENCY
    )


def declared(kind: str) -> Declared:
    own = connectors.profile(kind)
    return Declared(
        own.flights or settings.OPEN_FLIGHTS,
        own.flights_per_source or settings.OPEN_FLIGHTS,
        own.flight_runs or settings.FLIGHT_RUNS,
        own.flight_bytes or settings.FLIGHT_BYTES,
        own.memory_bytes or settings.WORKER_BYTES,
        own.stage_s or settings.CELERY_TASK_SOFT_TIME_LIMIT,
        own.rate_per_s,
    )


def of_kinds(kinds: Sequence[str] = tuple(connectors.CONNECTORS)) -> list[Profiled]:
    """The profiles of these kinds, in their order: one statement, whose cost does not follow the ledger's size."""
    found = _measured("", {})
    return [Profiled(kind, declared(kind), found.get(kind, {})) for kind in kinds]


def of_source(source_id: int, kind: str) -> Profiled:
    """The profile of the source's kind, measured at this source alone."""
    return Profiled(kind, declared(kind), _measured(OF_ONE, {"source": source_id}).get(kind, {}))


def _measured(which: str, asks: dict[str, int]) -> dict[str, dict[str, AtStage]]:
    found: dict[str, dict[str, AtStage]] = defaultdict(dict)
    rows = statements.rows(MEASURED.format(which=which), {"latest": LATEST, "days": DAYS, **asks})
    for kind, stage, *values in sorted(rows, key=lambda row: ORDER.index(row[1])):
        found[kind][stage] = AtStage(*values)
    return found


def _of_memory(one: Profiled) -> Iterator[str]:
    if not one.hungriest:
        return
    stage, seen = one.hungriest
    declared = one.declared.memory_bytes
    told = f"declared {size(declared)} of memory, measured p95 {size(seen.peak_bytes)} at {stage}"
    fitting = int(ROOM * seen.peak_bytes)
    if seen.peak_bytes > declared:
        yield (
            f"{told}: raise SLUICEGATE_WORKER_BYTES to {fitting} ({size(fitting)}), or lower SLUICEGATE_FLIGHT_BYTES "
            f"({size(one.declared.flight_bytes)}) or SLUICEGATE_FLIGHT_RUNS ({one.declared.flight_runs})"
        )
    elif fitting < FAR_BELOW * declared and settings.USUAL_WORKER_CONCURRENCY < settings.USABLE_CPUS:
        yield (
            f"{told}: lower SLUICEGATE_WORKER_BYTES to {fitting} ({size(fitting)}), then more processes fit "
            f"({settings.USUAL_WORKER_CONCURRENCY} do, for {settings.USABLE_CPUS} CPUs)"
        )


def _of_time(one: Profiled) -> Iterator[str]:
    limit_s = one.declared.stage_s
    for stage, seen in one.telling.items():
        if seen.took_s > NEAR_ITS_LIMIT * limit_s:
            yield (
                f"a stage may take {duration(limit_s)}, measured p95 {duration(seen.took_s)} at {stage}: lower "
                f"SLUICEGATE_FLIGHT_RUNS ({one.declared.flight_runs}; measured p95 {seen.runs})"
            )


def _of_waiting(one: Profiled) -> Iterator[str]:
    """Where flights wait for workers that are themselves idle: on a remote model, say."""
    for stage, seen in one.telling.items():
        if seen.waited_s > WAITS * seen.took_s and seen.waited_s > 1 and seen.busy < IDLE:
            yield (
                f"flights wait {duration(seen.waited_s)} (p95) for {duration(seen.took_s)} of {stage}, with a CPU busy "
                f"{seen.busy:.0%} of that: raise SLUICEGATE_WORKER_CONCURRENCY ({settings.WORKER_CONCURRENCY})"
            )
