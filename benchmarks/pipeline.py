"""The full pipeline with one worker process, beside a bare loop in this process over the same files and models."""

import hashlib
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.test import override_settings

from benchmarks.bare import load
from benchmarks.effort import Effort, measured
from benchmarks.filling import empty
from benchmarks.report import Compared, Report
from benchmarks.workers import worker
from ingestion import stages
from ingestion.connectors import DEFAULT
from ingestion.ingesting import ingest, register

CORPUS = Path(__file__).resolve().parents[1] / "examples" / "corpus"
LIBRARY, MANUALS = Path(sysconfig.get_path("stdlib")), Path("/usr/share/doc")
BUDGET = 0.85


def compare(report: Report, folder: Path, *, repetitions: int) -> None:
    """Measure both in alternating order, each on an empty store and with its models loaded."""
    stages.warm()
    load(CORPUS)
    compared = Compared("full pipeline", "Sluicegate", "bare loop", "documents", BUDGET)

    def take_ours() -> None:
        compared.ours.append(report.note("Sluicegate", *pipeline(folder)))

    def take_bare() -> None:
        with measured() as effort:
            documents = load(folder)
        compared.peer.append(report.note("bare loop", documents, effort))

    for repetition in range(repetitions):
        for take in (take_bare, take_ours) if repetition % 2 == 0 else (take_ours, take_bare):
            take()
    report.compare(compared)


def pipeline(folder: Path) -> tuple[int, Effort]:
    """Ingest the folder as `manage.py ingest` does; return how many documents it has, and what they took."""
    empty()
    with override_settings(OPEN_FLIGHTS=3), worker("config", concurrency=1) as process:
        ingest(register("warm", DEFAULT, "warm", {"root": str(_warm_folder())}))
        source = register("bench", DEFAULT, "bench", {"root": str(folder)})
        with measured(process) as effort:
            done = ingest(source)
    return done.sync.listed, effort


def texts(count: int) -> Path:
    """Copy `count` of the machine's own texts into a folder: Python's library and manuals, by their names' hashes."""
    folder = settings.STATE_DIR / "texts"
    folder.mkdir()
    for n, path in enumerate(sorted(_found(), key=lambda path: hashlib.sha256(bytes(path)).digest())[:count]):
        shutil.copyfile(path, folder / f"{n:06}-{path.name}")
    return folder


def _found() -> Iterator[Path]:
    yield from (path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts and path.stat().st_size)
    for pattern in ("*.txt", "*.md", "*.rst"):
        yield from (path for path in MANUALS.rglob(pattern) if path.is_file() and path.stat().st_size)


def _warm_folder() -> Path:
    folder = settings.STATE_DIR / "warm"
    folder.mkdir(exist_ok=True)
    (folder / "warm.txt").write_text("Warm Smith has been the director of the Warm Trust since 2019.", encoding="utf-8")
    return folder
