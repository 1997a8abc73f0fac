"""How soon after an edit what was written can be found, with all processes that take part in it."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from benchmarks.filling import empty
from benchmarks.report import ROOT, Report
from benchmarks.workers import worker
from ingestion.connectors import DEFAULT
from ingestion.ingesting import register
from ingestion.models import Occurrence
from ingestion.watching import STABLE_S
from ledger import statements

BUDGET_S = 2.0
FILES = 100
FOUND = "SELECT EXISTS (SELECT FROM patches_passage WHERE live AND text LIKE %s)"


def measure(report: Report, *, edits: int) -> None:
    """Edit one of FILES notes after the other, and wait until each is found; the files' rest is not counted."""
    empty()
    with TemporaryDirectory() as folder, worker("config", concurrency=2), _running("dispatcher"), _running("watch"):
        notes = [Path(folder, f"note-{n}.md") for n in range(FILES)]
        for n, note in enumerate(notes):
            note.write_text(f"Note {n} of the archive.\n")
        register("bench", DEFAULT, "notes", {"root": folder})
        _until(f"%Note {FILES - 1} of%")
        waits = [_edit(notes[n % FILES], f"wording-{n}-of-{edits}") for n in range(edits)]
    p95 = quantiles(waits, n=20)[-1]
    report.watching = {"edits": edits, "stable_s": STABLE_S, "p50_s": median(waits), "p95_s": p95}
    met = "met" if p95 <= BUDGET_S else "MISSED"
    print(
        f"  an edit is found after its rest of {STABLE_S:g} s: p50 {median(waits):.2f} s, p95 {p95:.2f} s", flush=True
    )
    print(f"  (budget ≤ {BUDGET_S:g} s: {met}); {Occurrence.objects.filter(status='done').count()} syncs")


def _edit(note: Path, words: str) -> float:
    note.write_text(f"It says now: {words}.\n")
    return _until(f"%{words}.%") - STABLE_S


def _until(words: str, within_s: float = 120) -> float:
    """Return the seconds until a passage has the words."""
    began = time.monotonic()
    while statements.rows(FOUND, [words]) != [(True,)]:
        if time.monotonic() - began > within_s:
            raise SystemExit(f"nothing came of it within {within_s:.0f} s: the measurement is void")
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def _running(command: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", command], cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
