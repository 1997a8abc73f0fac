from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console import backups
from ingestion.auditing import audit
from ledger.commands import FOUND, SOME_COULD_NOT, Reporting

WHOLE = "handoffs.change_reflection"  # all that there is of every knowledge base


class Command(Reporting):
    help = (
        "Back up the database and the payloads, look at a backup, or load one into an empty store. Keys are not in it. "
        "Exit status: 0 done, 1 it could not be done, or some payloads could not be copied, 4 the backup, or what was "
        "loaded from it, is not sound."
    )
    needs = {"make": WHOLE, "verify": WHOLE, "load": WHOLE}

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = "make: back up now, with everything running; verify: read all of a backup; load: into an empty store"
        parser.add_argument("verb", choices=["make", "verify", "load"], help=verbs)
        parser.add_argument("folder", type=Path, help="of the backup; what an older one has is not copied again")
        super().add_arguments(parser)

    def handle(self, *_: Any, verb: str, folder: Path, **options: Any) -> None:
        try:
            getattr(self, verb)(folder, options)
        except (backups.BackupError, OSError) as exc:
            raise CommandError(str(exc), returncode=SOME_COULD_NOT) from exc

    def make(self, folder: Path, options: dict[str, Any]) -> None:
        about = backups.make(folder)
        self._say(about, options)
        if about.damaged:
            raise SystemExit(SOME_COULD_NOT)

    def verify(self, folder: Path, options: dict[str, Any]) -> None:
        wrong = backups.verify(folder)
        if options["json"]:
            self.object({"sound": not wrong, "wrong": wrong})
        else:
            self.stdout.write("\n".join(wrong) or "Sound.")
        if wrong:
            raise SystemExit(FOUND)

    def load(self, folder: Path, options: dict[str, Any]) -> None:
        about = backups.load(folder)
        found = [finding.check for finding in audit(deep=True)]
        self._say(about, options, audit=found)
        if found:
            raise SystemExit(FOUND)

    def _say(self, about: backups.About, options: dict[str, Any], **more: Any) -> None:
        if options["json"]:
            self.object(asdict(about) | more)
        else:
            self.facts(asdict(about) | {"damaged": len(about.damaged)} | more)
