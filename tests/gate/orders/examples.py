"""What it is taught with: orders and what is none, written for it, and ordinary text out of the wheels."""

import ast
import hashlib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

import django

from patches.evaluation.orders.signs import CALMING, SIGNS

FOLDER = Path(__file__).parent
FOLDS = 5
LONGEST = 20_000  # characters of an ordinary document that are read
PACKAGES = ("celery", "django", "kombu", "numpy", "redis")  # whose docstrings are read
TERMS = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


class Sentence(NamedTuple):
    """`family` is the way in which it is put: what is held out is held out by families."""

    family: str
    text: str
    is_order: bool

    @property
    def fold(self) -> int:
        return int(hashlib.sha256(self.family.encode()).hexdigest(), 16) % FOLDS


def sentences() -> list[Sentence]:
    return [*_read("orders", is_order=True), *_read("clean", is_order=False)]


def digest() -> str:
    """Of what is learned from: the sentences and the signs. The ordinary text is that of the locked wheels."""
    told = [(FOLDER / f"{name}.txt").read_text("utf-8") for name in ("orders", "clean")]
    return hashlib.sha256("\0".join([*told, *SIGNS.values(), *CALMING.values()]).encode()).hexdigest()


def ordinary() -> list[str]:
    """Readmes, licences and docstrings of the packages that are installed, each a document."""
    return [text[:LONGEST] for text in dict.fromkeys([*_readmes(), *_docstrings()]) if len(text) > 200]


def _read(name: str, *, is_order: bool) -> Iterator[Sentence]:
    family = ""
    for line in (FOLDER / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("# "):
            family = f"{name}: {line[2:]}"
        elif line:
            yield Sentence(family, line, is_order)


def _readmes() -> Iterator[str]:
    for package in sorted(distributions(), key=lambda one: str(one.metadata["Name"])):
        yield str(package.metadata.get_payload())
        for path in sorted(package.files or ()):
            if path.name.upper().startswith(TERMS) and path.locate().exists():
                yield Path(str(path.locate())).read_text("utf-8", errors="replace")


def _docstrings() -> Iterator[str]:
    installed = Path(django.__file__).parents[1]
    for package in PACKAGES:
        for path in sorted((installed / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            nodes = (n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef))
            yield "\n\n".join(text for node in nodes if (text := ast.get_docstring(node)))
