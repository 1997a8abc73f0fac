import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from hypothesis import settings as hypothesis_settings

from config import embedded
from ingestion import adapters, stages
from ledger import crashpoints
from patches.models import Predicate
from patches.predicates_seed import SEED
from tests.doubles import Moody

ROOT = Path(__file__).resolve().parents[1]

# The suite says the same of the same code, on a slow machine too. The long profile is for looking further.
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis_settings.load_profile("suite")


@pytest.fixture(autouse=True)
def vocabulary(request: pytest.FixtureRequest) -> None:
    """The predicates that a migration writes: a test that commits leaves every table empty."""
    if request.node.get_closest_marker("django_db"):
        fields = (vars(predicate) for predicate in SEED)
        rows = (Predicate(**{k: [*v] if isinstance(v, tuple) else v for k, v in f.items()}) for f in fields)
        Predicate.objects.bulk_create(rows, ignore_conflicts=True)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Moody]:
    """Have the stages use models whose answers the test decides; gives the one that embeds."""
    monkeypatch.setitem(adapters.EMBEDDINGS, "moody", "tests.doubles.Moody")
    monkeypatch.setitem(adapters.EXTRACTORS, "literal", "tests.doubles.Literal")
    settings.EMBEDDINGS, settings.EXTRACTOR = "moody", "literal"
    forgotten = (adapters._build, stages.table, stages.pipeline_recipe)
    for cached in forgotten:
        cached.cache_clear()
    yield adapters.load(adapters.EMBEDDINGS, "moody")
    for cached in forgotten:
        cached.cache_clear()


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Callable[[], object]], None]]:
    """Have a deed done when this process first comes to a named point, such as `chunk.before_commit`."""
    folder = tmp_path / "points"
    folder.mkdir()
    crashpoints.watch(folder)

    def arm(point: str, deed: Callable[[], object]) -> None:
        monkeypatch.setitem(crashpoints.DEEDS, f"deed at {point}", deed)
        (folder / point).write_text(f"deed at {point}")

    yield arm
    crashpoints.watch(None)


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., Future[Any]]]:
    """Run a function on a second database connection; wait until it is done or blocked on a lock."""
    with ThreadPoolExecutor(max_workers=1) as pool:

        def submit(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
            def call() -> Any:
                try:
                    return function(*args, **kwargs)
                finally:
                    connection.close()

            future = pool.submit(call)
            deadline = time.monotonic() + 5
            while not future.done() and not blocked() and time.monotonic() < deadline:
                time.sleep(0.005)
            return future

        yield submit


def blocked() -> bool:
    with connection.cursor() as cursor:
        # Not pg_stat_activity: its rows are frozen until the transaction of this connection ends.
        cursor.execute("select exists (select from pg_locks where not granted)")
        return bool(cursor.fetchone()[0])


@pytest.fixture
def statement_count() -> Iterator[Callable[[], int]]:
    """Count the statements of this connection, less the ones that begin and end transactions."""
    count = 0

    def counting(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(counting):

        def since_last() -> int:
            nonlocal count
            counted, count = count, 0
            return counted

        yield since_last


class Store:
    """A state folder of its own with a product in it, driven through `manage.py` as a person does."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.environment = {**os.environ, "SLUICEGATE_STATE_DIR": str(state_dir)}

    def manage(self, *arguments: str, timeout: float = 120, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def ingest(self, folder: Path, *options: str, **environment: str) -> dict[str, Any]:
        done = self.manage("ingest", str(folder), "--json", *options, **environment)
        assert done.returncode in (0, 1), done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def export(self) -> str:
        return self.manage("export").stdout


@pytest.fixture(scope="module")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Store]]:
    made: list[Store] = []

    def make() -> Store:
        made.append(Store(tmp_path_factory.mktemp("store")))
        embedded.ensure(made[-1].state_dir, stay=True)  # once, not for each command
        return made[-1]

    yield make
    for store in made:
        embedded.discard(store.state_dir)


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()
