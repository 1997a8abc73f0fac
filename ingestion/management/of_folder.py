"""The options by which ingest and plan are told of a folder."""

from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from ingestion.connectors import CONNECTORS, DEFAULT
from ledger.commands import USAGE


@dataclass(frozen=True)
class Folder:
    """As a source would be registered; `name` is that of the source."""

    root: Path
    reflection: str
    connector: str
    name: str
    options: Mapping[str, Any]


def add_folder(parser: ArgumentParser) -> None:
    parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
    parser.add_argument("--connector", default=DEFAULT, choices=sorted(CONNECTORS), help="kind of source")
    parser.add_argument("--name", help="the source's name (default: the folder's path)")
    parser.add_argument("--include", action="append", default=[], metavar="GLOB", help="only what matches")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="not what matches")
    parser.add_argument("--hidden", action="store_true", help="hidden files and folders too")
    parser.add_argument("--accept-deletions", action="store_true", help="believe that what is absent is gone")


def folder(path: str, given: Mapping[str, Any]) -> Folder:
    """What was given. Raises CommandError for what is no folder."""
    root = Path(path).expanduser().resolve()
    if not root.is_dir():
        raise CommandError(f"{path} is not a folder", returncode=USAGE)
    wanted = {"root": str(root)} | {key: given[key] for key in ("include", "exclude", "hidden") if given[key]}
    return Folder(root, given["reflection"], given["connector"], given["name"] or str(root), wanted)
