"""How a command is given a secret: asked for, read from standard input or from a file, never as an argument."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from django.core.management.base import CommandError

from ledger.commands import USAGE


def secrets_given(names: Sequence[str]) -> dict[str, str]:
    """Read what was named: NAME=@FILE is the file's text, NAME is asked for, or the next line of standard input."""
    return {name: _value(name, where) for name, where in (_parted(given) for given in names)}


def _parted(given: str) -> tuple[str, str]:
    name, equals, where = given.partition("=")
    if not name.isidentifier() or (equals and not where.startswith("@")):
        raise CommandError(
            "a secret in the command would be seen by every user of the machine: "
            "name it and be asked for it, or write NAME=@FILE",
            returncode=USAGE,
        )
    return name, where.removeprefix("@")


def _value(name: str, file: str) -> str:
    try:
        if file:
            value = Path(file).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
        elif sys.stdin.isatty():
            value = getpass.getpass(f"{name}: ")
        else:
            value = sys.stdin.readline().rstrip("\r\n")
    except (OSError, UnicodeError) as problem:
        raise CommandError(f"{name}: {file} cannot be read as text", returncode=USAGE) from problem
    if not value:
        raise CommandError(f"{name}: nothing was given", returncode=USAGE)
    return value
