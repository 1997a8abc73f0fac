"""What one kind of connector may take of the system, as data; each kind's own stands in the connectors' table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """None means: no limit of its own, only the system's."""

    flights: int | None = None  # open at once, of all its sources together
    flights_per_source: int | None = None  # open at once
    flight_runs: int | None = None  # in one flight
    flight_bytes: int | None = None  # in one flight of several runs
    rate_per_s: float | None = None  # runs admitted per second and source, as the remote side allows
    burst_s: float = 2.0  # seconds of that rate that may come at once after a rest; longer than a tick
    memory_bytes: int | None = None  # that a worker's process may have with one of its flights, the models included
    stage_s: float | None = None  # that one of its flights may be at a stage

    @property
    def burst(self) -> float:
        """How many runs may be admitted at once after a rest: never less than one."""
        return max(1.0, (self.rate_per_s or 0.0) * self.burst_s)
