"""The rules of the house that a machine can hold: CONTRIBUTING.md says them in words."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from console.lifecycles import OPERATION
from console.models import OperationStatus
from handoffs.lifecycles import HANDOFF
from handoffs.models import HandoffStatus
from ingestion.connectors import CONNECTORS
from ingestion.lifecycles import APPROVAL, FLIGHT, OCCURRENCE, RUN
from ingestion.models import ApprovalStatus, FlightStatus, OccurrenceStatus, RunStatus
from ledger.lifecycle import Lifecycle
from patches.lifecycles import BATCH
from patches.models.batches import BatchStatus
from tests.mutants import GUARDS

ROOT = Path(__file__).resolve().parents[1]
APPS = ("config", "console", "ingestion", "patches", "handoffs", "ledger")
MODULE_LINES, FUNCTION_LINES = 400, 39
SAYS_NOTHING = {"utils", "helpers", "common", "base", "core", "services", "managers", "misc", "util", "helper"}
# Whoever sets a variable before anything else is imported, and the tests' own processes.
MAY_SET_VARIABLES = {"config/environment.py", "config/celery.py"}
# Retries are rows in the ledger (next_attempt_at), and chains carry no state: docs/decisions/0002.
CELERYS_OWN_WAYS = {"countdown", "eta", "autoretry_for", "chord", "retry", "rate_limit", "apply_async", "delay"}
LIFECYCLES = [
    (HANDOFF, HandoffStatus),
    (RUN, RunStatus),
    (FLIGHT, FlightStatus),
    (BATCH, BatchStatus),
    (OCCURRENCE, OccurrenceStatus),
    (APPROVAL, ApprovalStatus),
    (OPERATION, OperationStatus),
]


def sources() -> list[Path]:
    """The code that is deployed, without migrations."""
    found = [ROOT / "manage.py", *(path for app in APPS for path in (ROOT / app).rglob("*.py"))]
    return sorted(path for path in found if "migrations" not in path.parts)


def everything() -> list[Path]:
    folders = (ROOT / name for name in ("tests", "benchmarks", "docs"))
    return sorted([*sources(), *(path for folder in folders for path in folder.rglob("*.py"))])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """`a.b.c` for such an expression, else nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.Call))


def where(path: Path, node: ast.AST) -> str:
    return f"{name_of(path)}:{getattr(node, 'lineno', 1)}"


def test_the_rules_look_at_the_whole_house() -> None:
    assert {name_of(path).partition("/")[0] for path in sources()} >= {"manage.py", "ingestion", "patches", "ledger"}
    assert len(sources()) > 80


def test_no_module_is_long() -> None:
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in everything()}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_no_function_is_long() -> None:
    long = {
        f"{where(path, node)} {node.name}": node.end_lineno - node.lineno + 1
        for path in everything()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    }
    assert long == {}


def test_every_module_has_a_name_that_says_something() -> None:
    assert [
        name_of(path) for path in everything() if path.stem in SAYS_NOTHING or path.parent.name in SAYS_NOTHING
    ] == []


def test_every_module_says_what_it_is_for() -> None:
    """But the faces, whose names say it, and those of a few lines, which are read as fast."""
    silent = [
        name_of(path)
        for path in sources()
        if ast.get_docstring(tree(path)) is None
        and len(path.read_text(encoding="utf-8").splitlines()) > 30
        and path.name != "admin.py"
        and "commands" not in path.parts
    ]
    assert silent == []


def test_tasks_are_doors_of_one_line() -> None:
    for path in (path for path in sources() if path.name == "tasks.py"):
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef):
                assert len(node.body) == 1, where(path, node)
            else:
                assert isinstance(node, ast.Expr | ast.Import | ast.ImportFrom), where(path, node)


@pytest.mark.parametrize("kind", CONNECTORS)
def test_a_connectors_kind_is_spelled_in_connectors_alone(kind: str) -> None:
    spelled = [
        where(path, node)
        for path in sources()
        if not name_of(path).startswith("ingestion/connectors/")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value == kind
    ]
    assert spelled == []


def test_the_process_environment_is_read_in_one_place() -> None:
    """Reading is config.environment's; a few may set a variable that a library reads at its import."""
    readers = [
        where(path, node)
        for path in sources()
        if name_of(path) not in MAY_SET_VARIABLES
        for node in ast.walk(tree(path))
        if dotted(node) in {"os.environ", "os.getenv", "os.environb"} and not sets_only(path, node)
    ]
    assert readers == []


def sets_only(path: Path, read: ast.AST) -> bool:
    """Whether this `os.environ` is `os.environ.setdefault(...)`, or the target of an assignment."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and dotted(node.func) == "os.environ.setdefault" and node.lineno == read.lineno:
            return True
        if isinstance(node, ast.Assign) and node.lineno == read.lineno:
            return all(isinstance(to, ast.Subscript) and dotted(to.value) == "os.environ" for to in node.targets)
    return False


def test_work_is_rung_for_in_one_place_and_retried_by_the_ledger() -> None:
    found = [
        f"{where(path, call)} {word}"
        for path in sources()
        for call in calls(path)
        for word in [dotted(call.func).rpartition(".")[2], *(keyword.arg or "" for keyword in call.keywords)]
        if word in CELERYS_OWN_WAYS and not is_allowed(path, call, word)
    ]
    assert found == []


def is_allowed(path: Path, call: ast.Call, word: str) -> bool:
    """Only ring.py publishes; `delay` is also the pure function of backoff.py."""
    if word == "apply_async":
        return name_of(path) == "ingestion/ring.py"
    return word == "delay" and isinstance(call.func, ast.Name)


def test_a_shared_task_names_itself_and_takes_an_id() -> None:
    for path in (path for path in sources() if path.name == "tasks.py"):
        for task in (node for node in tree(path).body if isinstance(node, ast.FunctionDef)):
            [door] = task.decorator_list
            assert isinstance(door, ast.Call), where(path, task)
            assert [keyword.arg for keyword in door.keywords] == ["name"], where(path, task)
            assert [ast.unparse(a.annotation) for a in task.args.args if a.annotation] in ([], ["int"]), where(
                path, task
            )


def test_no_row_is_saved_whole() -> None:
    """`update()` names its columns; a whole-row save writes back what another process has changed since."""
    whole = [
        where(path, call)
        for path in sources()
        for call in calls(path)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "save"
        if not any(keyword.arg == "update_fields" for keyword in call.keywords)
        if ast.unparse(call.func.value) not in {"store()", "super()"}  # payloads, and the storage's own
    ]
    assert whole == []


def test_no_status_is_assigned_to_an_instance() -> None:
    assigned = [
        where(path, node)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute) and target.attr == "status"
    ]
    assert assigned == []


@pytest.mark.parametrize(("lifecycle", "choices"), LIFECYCLES, ids=lambda value: getattr(value, "name", None))
def test_a_lifecycle_and_its_choices_name_the_same_states(
    lifecycle: Lifecycle, choices: type[models.TextChoices]
) -> None:
    assert set(choices.values) == lifecycle.states


def test_every_status_has_its_lifecycles_trigger_and_check() -> None:
    kept = {lifecycle.name for lifecycle, _ in LIFECYCLES}
    ours = [model for model in apps.get_models() if model._meta.app_label in APPS]
    with_status = [model for model in ours if any(field.name == "status" for field in model._meta.get_fields())]
    guards = {trigger.name for model in with_status for trigger in model._meta.triggers}  # type: ignore[attr-defined]
    checks = {constraint.name for model in with_status for constraint in model._meta.constraints}

    assert len(with_status) == len(kept)
    assert guards >= {f"{name}_steps" for name in kept}
    assert checks >= {f"{name}_status_is_known" for name in kept}


def test_the_steps_are_in_the_same_order_in_every_process() -> None:
    """The triggers are made of them: an order that follows a set's would be a new migration each time one looks."""
    asks = (
        "from handoffs.lifecycles import HANDOFF; from ingestion.lifecycles import APPROVAL, FLIGHT, OCCURRENCE, RUN; "
        "from patches.lifecycles import BATCH; "
        "print([one.pairs() for one in (HANDOFF, RUN, FLIGHT, BATCH, OCCURRENCE, APPROVAL)])"
    )
    answers = {python("-c", asks, PYTHONHASHSEED=str(seed)) for seed in range(3)}
    assert len(answers) == 1


def python(*arguments: str, **environment: str) -> str:
    """What a Python of its own prints, in this checkout. Its complaints are the failure's message."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_imports_run_one_way() -> None:
    python("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")


def test_a_layer_of_the_contract_exists_for_every_app() -> None:
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    present = [app for app in APPS if any((ROOT / app).glob("*.py"))]
    assert [app for app in present if f'"{app}"' not in contract] == []


def test_every_guard_stands_where_the_list_of_guards_has_it() -> None:
    astray = [guard.name for guard in GUARDS if guard.file and (ROOT / guard.file).read_text().count(guard.code) != 1]
    tried = [(guard.name, *guard.tests.partition(" ")[::2]) for guard in GUARDS]
    without = [name for name, file, words in tried if words not in (ROOT / "tests" / file).read_text()]
    assert (astray, without) == ([], [])
