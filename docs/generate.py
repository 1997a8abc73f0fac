"""Write the pages of docs/reference that are tables of the code: `make docs`. `pages()` is what the test compares.

Nothing here needs a server: the code's own tables are read, as they are.
"""

import os
import sys
from argparse import SUPPRESS, Action
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
APPS = ("ledger", "handoffs", "patches", "ingestion", "console")
NOTE = "<!-- Made by `make docs` from {source}; edit that. -->"
# Every Django command has these; they are explained once, by Django.
DJANGOS_OWN = {
    "help",
    "version",
    "verbosity",
    "settings",
    "pythonpath",
    "traceback",
    "no_color",
    "force_color",
    "skip_checks",
}


def set_up() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django  # noqa: PLC0415  after the path and the settings are set

    django.setup()


def pages() -> dict[str, str]:
    """Return every generated page: its name in docs/reference, and its text."""
    return {
        "settings.md": settings(),
        "reasons.md": reasons(),
        "failures.md": failures(),
        "lifecycles.md": lifecycles(),
        "commands.md": commands(),
        "connectors.md": connectors(),
        "gate.md": gate(),
        "predicates.md": predicates(),
        "adapters.md": adapters(),
    }


def settings() -> str:
    from config.environment import SECRETS, variables  # noqa: PLC0415

    rows = [(f"`{name}`", f"`{default}`" if default else "", meaning) for name, default, meaning in variables()]
    files = " and ".join([", ".join(f"`{name}_FILE`" for name in SECRETS[:-1]), f"`{SECRETS[-1]}_FILE`"])
    return page(
        "Settings",
        "`config/environment.py`",
        "All settings are environment variables. A bad one stops the start with one line that names it. "
        f"{files} may name a file that holds the value, as container secrets do.",
        table(("variable", "default", "meaning"), rows),
    )


def reasons() -> str:
    from ledger.reasons import Reason  # noqa: PLC0415

    return page(
        "Reasons",
        "`ledger/reasons.py`",
        "Why a row stands where it stands. Each event and each status carries one of these codes: filter and count by "
        "them.",
        table(("code", "meaning"), [(f"`{reason.value}`", str(reason.label)) for reason in Reason]),
    )


def failures() -> str:
    from ingestion.policies import POLICIES  # noqa: PLC0415
    from ledger.failures import OBSERVED  # noqa: PLC0415

    rows = [
        (
            f"`{kind}`",
            "seen by the ledger" if kind in OBSERVED else "raised",
            str(policy.attempts),
            f"`{policy.finally_}`",
            *_delays(policy.base.total_seconds(), policy.factor, policy.cap.total_seconds(), policy.attempts),
        )
        for kind, policy in POLICIES.items()
    ]
    return page(
        "Failures and policies",
        "`ingestion/policies.py`",
        "What is done after a failure of each class. A run may fail this often in all before it gets the status under "
        "`then`; until that it waits in `retry_wait`, each time for a random share of a growing delay. `rate_limited` "
        "waits for as long as the remote side asked and spends no attempt. `source_paused` holds the run with its "
        "whole source until a person resumes it; `retired` takes the reference for gone.",
        table(("class", "how it is known", "attempts", "then", "first delay", "grows by", "up to"), rows),
    )


def _delays(base_s: float, factor: float, cap_s: float, attempts: int) -> tuple[str, str, str]:
    return (f"{base_s:g} s", f"{factor:g}", f"{cap_s:g} s") if attempts > 1 else ("", "", "")


def lifecycles() -> str:
    from console.lifecycles import OPERATION  # noqa: PLC0415
    from handoffs.lifecycles import HANDOFF  # noqa: PLC0415
    from ingestion.lifecycles import APPROVAL, FLIGHT, OCCURRENCE, RUN  # noqa: PLC0415
    from patches.lifecycles import BATCH  # noqa: PLC0415

    parts = []
    for lifecycle in (HANDOFF, RUN, FLIGHT, BATCH, OCCURRENCE, APPROVAL, OPERATION):
        arrows = [f"  {was} --> {to}" for was, to in sorted(lifecycle.pairs())]
        ends = [f"  {state} --> [*]" for state in sorted(lifecycle.final)]
        rows = [
            (f"`{was}`", ", ".join(f"`{to}`" for to in sorted(nexts))) for was, nexts in sorted(lifecycle.steps.items())
        ] + [(f"`{state}`", "(final)") for state in sorted(lifecycle.final)]
        diagram = "\n".join(["```mermaid", "stateDiagram-v2", *arrows, *ends, "```"])
        parts += [f"## {lifecycle.name}", diagram, table(("from", "to"), rows)]
    return page(
        "Lifecycles",
        "the apps' `lifecycles.py`",
        "Which status may follow which. The database refuses every other step.",
        *parts,
    )


def commands() -> str:
    from django.core.management import load_command_class  # noqa: PLC0415

    parts = []
    for app, name in own_commands():
        command = load_command_class(app, name)
        parser = command.create_parser("manage.py", name)
        shown = [a for a in parser._actions if a.dest not in DJANGOS_OWN and a.help != SUPPRESS]
        parts += [f"## {name}", f"`{usage(name, shown)}`", " ".join(str(command.help).split())]
        if shown:
            rows = [(f"`{spelled(action)}`", str(action.help or "")) for action in shown]
            parts.append(table(("argument", "meaning"), rows))
    return page("Commands", "the apps' `management/commands`", "Run as `.venv/bin/python manage.py COMMAND`.", *parts)


def own_commands() -> list[tuple[str, str]]:
    """The project's commands with their apps, by name."""
    found = [
        (app, path.stem)
        for app in APPS
        for path in (ROOT / app / "management" / "commands").glob("*.py")
        if path.stem != "__init__"
    ]
    return sorted(found, key=lambda pair: pair[1])


def usage(name: str, actions: Iterable[Action]) -> str:
    words = [spelled(action) if action.required else f"[{spelled(action)}]" for action in actions]
    return " ".join(["manage.py", name, *words])


def spelled(action: Action) -> str:
    shown = action.metavar or (f"{{{','.join(action.choices)}}}" if action.choices else action.dest.upper())
    if not action.option_strings:
        return str(shown)
    return action.option_strings[-1] if action.nargs == 0 else f"{action.option_strings[-1]} {shown}"


def connectors() -> str:
    from ingestion.connectors import CONNECTORS  # noqa: PLC0415

    rows = [(f"[`{kind}`](connectors/{kind}.md)", first_line(path)) for kind, path in CONNECTORS.items()]
    return page("Connectors", "`ingestion/connectors`", "The kinds of source.", table(("kind", "what it does"), rows))


def gate() -> str:
    from patches.evaluation.checks import CHECKS  # noqa: PLC0415

    rows = [
        (
            f"`{name}`",
            f"the {check.scope}",
            f"{check.then}{', always' if check.firm else ''}",
            "" if check.scope == "patch" else f"{check.limit:g}",
            "the store" if check.store else "the document",
            check.holds,
        )
        for name, check in CHECKS.items()
    ]
    return page(
        "The gate's checks",
        "`patches/evaluation/checks`",
        "Every batch is judged by these before it may be applied. A check measures a value; one above the limit fails. "
        "What follows concerns the patches that offend, or the whole batch: `reject`, `review` (a person decides) or "
        "`note` (it stands in the verdict, and nothing follows). The [policy](../guide/gate.md) of a reflection may "
        "say another limit and another consequence, but for those that are `always` so.",
        table(("check", "concerns", "a failure means", "limit", "looks at", "what it holds"), rows),
    )


def predicates() -> str:
    from patches.predicates_seed import SEED  # noqa: PLC0415

    rows = [
        (f"`{p.name}`", ", ".join(p.subject_types), p.label, ", ".join(p.object_types), p.inverse, p.cardinality)
        for p in SEED
    ]
    return page(
        "Predicates",
        "`patches/predicates_seed.py`",
        "What can be said of an entity. `single` has one value at a time, so that a later one ends the earlier; `many` "
        "may have several at once; an `event` happens. Operators add their own in the admin.",
        table(("predicate", "of", "reads", "value", "from the value", "cardinality"), rows),
    )


def adapters() -> str:
    from ingestion.adapters import EMBEDDINGS, EXTRACTORS, TRACES  # noqa: PLC0415

    rows = [
        (f"`{variable}`", f"`{name}`", module_line(path.rpartition(".")[0]))
        for variable, adapters_ in (
            ("SLUICEGATE_EMBEDDINGS", EMBEDDINGS),
            ("SLUICEGATE_EXTRACTOR", EXTRACTORS),
            ("SLUICEGATE_TRACES", TRACES),
        )
        for name, path in adapters_.items()
    ]
    return page(
        "Adapters",
        "`ingestion/adapters`",
        "What can be swapped, by the setting that names it.",
        table(("setting", "name", "what it is"), rows),
    )


def first_line(path: str) -> str:
    """The first line of a class's docstring."""
    module, _, name = path.rpartition(".")
    return str(getattr(import_module(module), name).__doc__).strip().splitlines()[0]


def module_line(module: str) -> str:
    """The first line of a module's docstring, without its name in front."""
    line = str(import_module(module).__doc__).strip().splitlines()[0]
    return line.partition(": ")[2] or line


def page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE.format(source=source), *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    set_up()
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
