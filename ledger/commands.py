"""What the operators' commands have in common: one JSON object or tables, who asks, and what the exit status says."""

import json
import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from getpass import getuser
from typing import IO, Any, ClassVar, cast

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger.deeds import Answer
from ledger.sight import given

DONE, SOME_COULD_NOT, USAGE, BUSY, FOUND = 0, 1, 2, 3, 4
DENIED = os.EX_NOPERM
IDS_SHOWN = 1_000
WIDE = 200  # characters of a line that nobody's terminal limits

_person: ContextVar[str] = ContextVar("person", default="")


class Reporting(BaseCommand):
    """A command that answers with one JSON object, or with tables.

    Exit status: 0 done, 1 some could not, 2 usage, 3 another process holds the lock, 4 a check found something, 77 the
    person in whose name it was asked may not. `needs` says by verb what a person has to be permitted; of a command
    without verbs it has one entry, of no name.
    """

    needs: ClassVar[Mapping[str, str]]
    person: User | None = None  # in whose name it was asked

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        told = f"act as this person of the console, who may do what their roles allow; exit status {DENIED} if not this"
        parser.add_argument("--as", dest="person", metavar="USER", help=told)

    def execute(self, *args: Any, **options: Any) -> str | None:
        if not options.get("person"):
            return super().execute(*args, **options)
        self.person = self.admit(options["person"], self.needs[options.get("verb", "")])
        acting = _person.set(options["person"])
        try:
            return super().execute(*args, **options)
        finally:
            _person.reset(acting)

    def admit(self, name: str, permission: str) -> User:
        """The person of the console that is called so, if the permission is theirs. Raises CommandError."""
        person = User.objects.filter(username=name, is_active=True, is_staff=True).first()
        if person is None:
            raise self.wrong(f"the console has no person {name!r} who may come in")
        if given(person) is not None:
            message = f"{name} sees only some knowledge bases, and commands see all of them: use the console"
            raise CommandError(message, returncode=DENIED)
        if not person.has_perm(permission):
            raise CommandError(f"{name} may not do that: none of their roles gives {permission}", returncode=DENIED)
        return person

    def wrong(self, message: str) -> CommandError:
        """The error of a command that was asked for what is not there."""
        return CommandError(message, returncode=USAGE)

    @property
    def console(self) -> Console:
        return Console(file=cast(IO[str], self.stdout), width=None if self.stdout.isatty() else WIDE)

    def listed(self, name: str, rows: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> None:
        """Show rows, of which one more than --limit was asked for: that one says that there are more."""
        limit: int = options["limit"]
        shown, more = rows[:limit], len(rows) > limit
        if options["json"]:
            self.object({name: list(shown), "more": more})
            return
        self.table(shown)
        if more:
            last = shown[-1].get("id") if shown else None
            further = f"--after {last}" if last is not None else f"--limit {2 * limit}"
            self.stdout.write(f"cut at {limit}; there are more: {further}")

    def object(self, value: Mapping[str, Any]) -> None:
        self.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False))

    def table(self, rows: Sequence[Mapping[str, Any]], title: str = "") -> None:
        """Print a table of the rows, whose keys are its columns."""
        if title:
            self.stdout.write(title)
        if not rows:
            self.stdout.write("Nothing.")
            return
        table = Table(*rows[0], box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(cell(value)) for value in row.values()))
        self.console.print(table)

    def facts(self, pairs: Mapping[str, Any]) -> None:
        """Print one thing after the other, each on its line."""
        for name, value in pairs.items():
            self.stdout.write(f"{spoken(name):<18} {cell(value)}")


class OperatorCommand(Reporting):
    """A command with verbs: `manage.py NAME VERB …` calls the method of the verb's name with the options."""

    verbs: ClassVar[Mapping[str, str]] = {}

    def add_arguments(self, parser: ArgumentParser) -> None:
        told = "; ".join(f"{verb}: {what}" for verb, what in self.verbs.items())
        parser.add_argument("verb", choices=list(self.verbs), help=told)
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what a deed would do, and do nothing")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        getattr(self, verb)(options)

    def tell(self, answer: Answer, options: Mapping[str, Any]) -> None:
        """Say what a deed did, by name; exit with 1 if some rows could not."""
        counts = answer.counts()
        if options["json"]:
            ids = {
                name: list(found)[:IDS_SHOWN] for part in (answer.done, answer.refused) for name, found in part.items()
            }
            self.object({"dry_run": options["dry_run"], **counts, "ids": ids})
        else:
            would = "would be " if options["dry_run"] else ""
            for name, count in counts["done"].items():
                self.stdout.write(f"{count:,} {would}{spoken(name)}")
            for name, count in counts["refused"].items():
                self.stdout.write(f"{count:,} left alone: {spoken(name)}")
            if not counts["done"] and not counts["refused"]:
                self.stdout.write("Nothing to do.")
        if counts["refused"]:
            raise SystemExit(SOME_COULD_NOT)


def positive(text: str) -> int:
    """A whole number from 1 on, as an option's type."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def operator() -> str:
    """Who asks, as events name it: the system's user, and before them the person in whose name."""
    try:
        user = f"cli:{getuser()}"
    except (KeyError, OSError):  # a container's user needs no name
        user = f"cli:uid {os.getuid()}"
    return (f"admin:{_person.get()} by {user}" if _person.get() else user)[:80]


def spoken(name: str) -> str:
    return name.replace("_", " ")


def cell(value: Any) -> str:
    """A value as a line of text; what a terminal would obey is left out of it."""
    if value is None or value == "":
        return "-"
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return "".join(character if character.isprintable() else "�" for character in str(value))
