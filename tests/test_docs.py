"""The documents say what the code does: tables are generated, and what the prose names has to exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from config.environment import SECRETS, variables
from docs.generate import APPS, REFERENCE, pages
from ingestion.connectors import CONNECTORS
from ledger.failures import KINDS
from ledger.reasons import Reason

ROOT = Path(__file__).resolve().parents[1]
PROSE = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"\bmanage\.py ([a-z]\w+)((?: [^\n|#`>]*)?)")
TARGET = re.compile(r"(?:`|^\s*(?:\$ )?)make ([a-z][a-z-]*)", re.MULTILINE)
VARIABLE = re.compile(r"\b(?:SLUICEGATE_[A-Z_]+|DATABASE_URL\w*|REDIS_URL\w*)\b")
# A path below the checkout: it begins with a folder or file that is there, or would be.
PATH = re.compile(r"(?:config|console|ingestion|patches|handoffs|ledger|tests|docs|examples|requirements)/[\w./-]*")


class Said(NamedTuple):
    """Something that a document names, and where."""

    document: str
    what: str


def texts() -> Iterator[tuple[Path, str]]:
    return ((path, path.read_text(encoding="utf-8")) for path in PROSE)


def named(pattern: re.Pattern[str]) -> list[Said]:
    return [
        Said(path.relative_to(ROOT).as_posix(), next(filter(None, match.groups()), match[0]))
        for path, text in texts()
        for match in pattern.finditer(text)
    ]


@pytest.mark.parametrize("name", pages())
def test_a_generated_page_is_what_the_code_says_now(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == pages()[name], "run: make docs"


def test_every_connector_has_a_page_that_says_its_options() -> None:
    for kind in CONNECTORS:
        assert (REFERENCE / "connectors" / f"{kind}.md").read_text(encoding="utf-8").startswith(f"# {kind}\n")


def test_every_reason_and_failure_class_is_in_its_table() -> None:
    reasons, failures = (REFERENCE / name for name in ("reasons.md", "failures.md"))
    assert [r.value for r in Reason if f"| `{r.value}` |" not in reasons.read_text(encoding="utf-8")] == []
    assert [kind for kind in KINDS if f"| `{kind}` |" not in failures.read_text(encoding="utf-8")] == []


def test_every_failure_class_has_a_runbook() -> None:
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs/operations/runbooks").glob("*.md")}
    assert [kind for kind in KINDS if not pages.get(kind, "").startswith(f"# {kind}: ")] == []
    parts = ("## Look", "## Mend", "## When to stop")
    assert [name for name, text in pages.items() if not all(part in text for part in parts)] == []


def test_every_link_leads_somewhere() -> None:
    broken = []
    for path, text in texts():
        for match in LINK.finditer(FENCE.sub("", text)):
            target = (match[1] or match[2]).partition("#")[0]
            if target and "://" not in target and not (path.parent / target).exists():
                broken.append(Said(path.relative_to(ROOT).as_posix(), target))
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = (match[1] or match[2] for match in LINK.finditer(page.read_text(encoding="utf-8")))
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]
    assert [path.relative_to(ROOT).as_posix() for path in PROSE if path not in seen] == []


def test_every_variable_that_a_document_names_is_read() -> None:
    known = {variable.name for variable in variables()} | {f"{name}_FILE" for name in SECRETS}
    assert [said for said in named(VARIABLE) if said.what not in known] == []


def test_every_make_target_that_a_document_names_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert [said for said in named(TARGET) if said.what not in targets] == []


def test_every_make_target_that_has_a_help_line_is_phony() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) == set(phony[1].split())


def test_every_command_in_a_document_is_understood() -> None:
    """Its name exists, and its parser takes what stands behind it."""
    commands = {
        name: app for name, app in get_commands().items() if app in (*APPS, "django.core", "django.contrib.auth")
    }
    examples = [
        (path, match[1], match[2])
        for path, text in texts()
        for _, block in FENCE.findall(text)
        for match in COMMAND.finditer(block)
    ]
    assert examples
    for path, name, arguments in examples:
        assert name in commands, f"{path.name}: manage.py {name}"
        parser = load_command_class(commands[name], name).create_parser("manage.py", name)
        words = [word.strip("\"'“”") for word in re.findall(r"\"[^\"]*\"|\S+", arguments)]
        parser.parse_args(words)


def test_every_path_that_a_document_names_is_there() -> None:
    gone = [
        Said(path.relative_to(ROOT).as_posix(), code)
        for path, text in texts()
        for code in CODE.findall(FENCE.sub("", text))
        if PATH.fullmatch(code) and not (ROOT / code).exists()
    ]
    assert gone == []


def test_a_picture_can_be_read_in_the_dark_and_by_ear() -> None:
    assert PICTURES
    for picture in PICTURES:
        drawing = picture.read_text(encoding="utf-8")
        assert "prefers-color-scheme: dark" in drawing
        assert "<title" in drawing
        assert "<desc" in drawing


def test_a_decision_is_short_and_says_what_was_refused() -> None:
    for path in sorted((ROOT / "docs" / "decisions").glob("0*.md")):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert 10 <= len(lines) <= 40, path.name
        assert [line for line in lines if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## What follows",
            "## Refused",
        ], path.name


def test_the_version_is_the_changelogs() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert first
    assert first[1] == settings.VERSION
    assert re.fullmatch(r"\d+\.\d+\.\d+", settings.VERSION)
