"""What a guard is, and how it is taken away and the tests run without it, in copies of the checkout."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 2
PATIENCE_S = 600
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis", "node_modules")
APPS = ("ledger", "handoffs", "patches", "ingestion", "console")

PAGE = ROOT / "docs/reference/guards.md"
HEAD = """# Guards

<!-- Made by `make mutants` from `tests/mutants.py`; edit that. -->

Each lock, fence, comparison, constraint and trigger that something rests on was taken away by itself, and the tests run
without it: {held} of {all} were missed by a test. `make mutants` does it again.

| guard | where | what is not true without it |
| --- | --- | --- |
"""

# A constraint or trigger is taken away by a migration that comes after all others.
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = {dependencies}
    operations = [migrations.RunSQL({sql!r}, elidable=False)]
"""


@dataclass(frozen=True)
class Guard:
    """`without` stands in the place of `code` in `file`; with no file, `without` is SQL that takes the guard away."""

    name: str
    tests: str  # file below tests/, and what -k picks in it
    without: str
    code: str = ""
    file: str = ""


def code(name: str, tests: str, file: str, code: str, without: str) -> Guard:
    return Guard(name, tests, without, code, file)


def unique(name: str, tests: str) -> Guard:
    return Guard(name, tests, f"DROP INDEX {name}")


def check(name: str, table: str, tests: str) -> Guard:
    return Guard(name, tests, f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def triggers(table: str, tests: str) -> Guard:
    return Guard(f"triggers of {table}", tests, f"ALTER TABLE {table} DISABLE TRIGGER USER")


def take_away(guard: Guard, copy: Path) -> None:
    if not guard.file:
        last = {app: max(path.stem for path in (ROOT / app / "migrations").glob("[0-9]*.py")) for app in APPS}
        text = MIGRATION.format(dependencies=list(last.items()), sql=guard.without)
        (copy / "ingestion/migrations/9999_without.py").write_text(text)
        return
    source = (ROOT / guard.file).read_text()
    (copy / guard.file).write_text(source.replace(guard.code, guard.without))


def put_back(guard: Guard, copy: Path) -> None:
    (copy / "ingestion/migrations/9999_without.py").unlink(missing_ok=True)
    if guard.file:
        shutil.copy(ROOT / guard.file, copy / guard.file)


def dead(guard: Guard, copy: Path) -> list[str]:
    """The names of the tests that die without the guard."""
    file, _, words = guard.tests.partition(" ")
    options = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", "-p", "no:randomly"]
    command = [sys.executable, "-m", "pytest", *options, f"tests/{file}", *(["-k", words] if words else [])]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return ["it_goes_on_without_end"]
    found = re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1) or bool(found) != bool(done.returncode):
        sys.stderr.write(f"{guard.name}: the tests could not be run\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    return found


def tried(guards: list[Guard]) -> Iterator[tuple[Guard, list[str]]]:
    """Try each guard in one of a few copies of the checkout."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies: Queue[Path] = Queue()
        for n in range(AT_ONCE):
            copies.put(Path(shutil.copytree(ROOT, Path(folder) / str(n), ignore=NOT_COPIED)))

        def attempt(guard: Guard) -> tuple[Guard, list[str]]:
            copy = copies.get()
            try:
                take_away(guard, copy)
                return guard, dead(guard, copy)
            finally:
                put_back(guard, copy)
                copies.put(copy)

        yield from pool.map(attempt, guards)


def said(died: list[str]) -> str:
    """The first test that died, as a sentence."""
    return died[0].removeprefix("test_").replace("_", " ") if died else "**nothing**"


def main(guards: list[Guard], words: list[str]) -> int:
    """Try those whose name has one of the words, or all; return the exit status."""
    chosen = [guard for guard in guards if not words or any(word in guard.name for word in words)]
    survivors = 0
    rows = []
    for guard, died in tried(chosen):
        survivors += not died
        rows.append(f"| {guard.name} | {f'`{guard.file}`' if guard.file else 'database'} | {said(died)} |\n")
        sys.stdout.write(f"{'dies    ' if died else 'SURVIVES'}  {guard.name}: {', '.join(died) or '-'}\n")
        sys.stdout.flush()
    if not words:
        PAGE.write_text(HEAD.format(held=len(chosen) - survivors, all=len(chosen)) + "".join(rows))
    sys.stdout.write(f"{len(chosen) - survivors} of {len(chosen)} guards are held by a test\n")
    return min(survivors, 1)
