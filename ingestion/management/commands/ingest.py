import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from ingestion.faces import reporting
from ingestion.ingesting import ingest, register
from ingestion.management.of_folder import add_folder, folder
from ingestion.sync import SyncBusy
from ingestion.workforce import at_work
from ledger.commands import Reporting
from ledger.failures import Failure


class Command(Reporting):
    help = (
        "Ingest a folder: register it as a source if it is new, take in what changed, follow the work to its end. "
        "Exit status: 0 every item reached an outcome, 1 some failed, 2 bad usage or the folder cannot be listed."
    )

    needs = {"": "handoffs.add_source"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", help="the folder")
        add_folder(parser)

    def handle(self, *, path: str, json: bool, **options: Any) -> None:
        found = folder(path, options)
        source = register(found.reflection, found.connector, found.name, found.options)
        with reporting(quiet=json) as faces, at_work() as workforce:
            try:
                report = ingest(
                    source,
                    accept_deletions=options["accept_deletions"],
                    listing=faces.listing,
                    standing=faces.standing,
                    meanwhile=workforce.look_after if workforce else lambda: None,
                )
            except (Failure, SyncBusy) as problem:
                raise CommandError(f"{found.root}: {problem}", returncode=2) from problem
            except KeyboardInterrupt:
                raise CommandError("stopped; run it again to go on where it was", returncode=130) from None
        if json:
            self.stdout.write(_object(source, report.as_json()))
        else:
            faces.tell(report)
        if report.failed:
            if not json:
                which = f"manage.py handoffs list --status failed --source {source.pk}"
                self.stdout.write(f"what failed, and why: .venv/bin/python {which}")
            raise SystemExit(1)


def _object(source: Any, report: dict[str, Any]) -> str:
    return json.dumps({"reflection": source.reflection.name, "source": source.name, **report}, sort_keys=True)
