"""What was measured: printed as it comes, kept as one JSON file a run."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.effort import Effort
from ledger import statements

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("celery", "django", "kombu", "psycopg", "redis", "semantic-text-splitter", "spacy", "wordllama")


@dataclass(frozen=True)
class Measured:
    """One measurement: documents (or runs) a second, and the CPU time of all processes for each."""

    name: str
    documents: int
    per_second: float
    cpu_ms: float
    cores: float  # that were had on average: below the machine's, someone else was at work or the disk was waited for


@dataclass
class Compared:
    """Ours beside a peer. The ratio is of the medians."""

    title: str
    ours_name: str
    peer_name: str
    unit: str
    budget: float
    ours: list[Measured] = field(default_factory=list)
    peer: list[Measured] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return _median(self.ours, "per_second") / _median(self.peer, "per_second")

    @property
    def cpu_ratio(self) -> float:
        """How many documents of ours cost the CPU time of one of the peer's."""
        return _median(self.peer, "cpu_ms") / _median(self.ours, "cpu_ms")

    @property
    def pairs(self) -> list[float]:
        """The ratio of each repetition, the least first: what stood side by side in time."""
        return sorted(one.per_second / other.per_second for one, other in zip(self.ours, self.peer, strict=True))

    def lines(self) -> list[str]:
        return [
            f"{self.title}: {self.ours_name} {_spread(self.ours)} {self.unit}/s, "
            f"{self.peer_name} {_spread(self.peer)} {self.unit}/s",
            f"  RATIO {self.ratio:.2f} (budget ≥ {self.budget:g}: {'met' if self.ratio >= self.budget else 'MISSED'}), "
            f"by repetition {self.pairs[0]:.2f}–{self.pairs[-1]:.2f}, in CPU time {self.cpu_ratio:.2f}",
        ]


def surroundings() -> dict[str, Any]:
    """The machine, the versions and the commit that a figure belongs to."""
    [(postgres,)] = statements.rows("SHOW server_version")
    return {
        "commit": _git("describe", "--always", "--dirty", "--abbrev=12"),
        "machine": f"{platform.machine()} {_cpu_name()}",
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "python": sys.version.split()[0],
        "postgresql": postgres,
        **{name: version(name) for name in PACKAGES},
    }


@dataclass
class Report:
    options: dict[str, Any]
    measurements: list[Measured] = field(default_factory=list)
    comparisons: list[Compared] = field(default_factory=list)
    statements: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    gate: dict[str, Any] = field(default_factory=dict)
    as_of: dict[str, Any] = field(default_factory=dict)
    fairness: dict[str, Any] = field(default_factory=dict)
    admin: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    recall: dict[str, Any] = field(default_factory=dict)
    watching: dict[str, Any] = field(default_factory=dict)
    surroundings: dict[str, Any] = field(default_factory=surroundings)

    def __post_init__(self) -> None:
        print(", ".join(f"{key} {value}" for key, value in self.surroundings.items()), flush=True)

    def note(self, name: str, documents: int, effort: Effort) -> Measured:
        cores = effort.cpu_s / effort.wall_s
        measured = Measured(name, documents, effort.per_second(documents), effort.cpu_ms(documents), cores)
        self.measurements.append(measured)
        print(
            f"  {name}: {documents} in {effort.wall_s:.1f} s, {measured.per_second:.1f}/s, "
            f"{measured.cpu_ms:.2f} ms CPU each on {cores:.2f} cores",
            flush=True,
        )
        return measured

    def compare(self, compared: Compared) -> None:
        self.comparisons.append(compared)
        print("\n".join(compared.lines()), flush=True)

    def save(self, folder: Path) -> Path:
        """Write the run to a file of its own and return it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
        ratios = {c.title: {"ratio": c.ratio, "pairs": c.pairs, "cpu_ratio": c.cpu_ratio} for c in self.comparisons}
        path.write_text(json.dumps({**asdict(self), "ratios": ratios}, indent=1, default=str) + "\n", encoding="utf-8")
        return path


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603,S607
    return answer.stdout.strip() or "unknown"


def _median(measured: Sequence[Measured], name: str) -> float:
    return float(median(getattr(one, name) for one in measured))


def _spread(measured: Sequence[Measured]) -> str:
    rates = sorted(one.per_second for one in measured)
    spread = f" ({rates[0]:.1f}–{rates[-1]:.1f})" if len(rates) > 1 else ""
    return f"{median(rates):.1f}{spread}"
