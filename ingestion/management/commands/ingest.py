import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.connectors import CONNECTORS, DEFAULT
from ingestion.faces import reporting
from ingestion.ingesting import ingest, register
from ingestion.sync import SyncBusy
from ingestion.workforce import at_work
from ledger.failures import Failure


class Command(BaseCommand):
    help = (
        "Ingest a folder: register it as a source if it is new, take in what changed, follow the work to its end. "
        "Exit status: 0 every item reached an outcome, 1 some failed, 2 bad usage or the folder cannot be listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", help="the folder")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--connector", default=DEFAULT, choices=sorted(CONNECTORS), help="kind of source")
        parser.add_argument("--name", help="the source's name (default: the folder's path)")
        parser.add_argument("--include", action="append", default=[], metavar="GLOB", help="only what matches")
        parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="not what matches")
        parser.add_argument("--hidden", action="store_true", help="hidden files and folders too")
        parser.add_argument("--accept-deletions", action="store_true", help="believe that what is absent is gone")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, path: str, reflection: str, connector: str, json: bool, **options: Any) -> None:
        root = Path(path).expanduser().resolve()
        if not root.is_dir():
            raise CommandError(f"{path} is not a folder", returncode=2)
        wanted: dict[str, Any] = {"root": str(root)}
        wanted |= {key: options[key] for key in ("include", "exclude", "hidden") if options[key]}
        source = register(reflection, connector, options["name"] or str(root), wanted)
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
                raise CommandError(f"{root}: {problem}", returncode=2) from problem
            except KeyboardInterrupt:
                raise CommandError("stopped; run it again to go on where it was", returncode=130) from None
        if json:
            self.stdout.write(_object(source, report.as_json()))
        else:
            faces.tell(report)
        if report.failed:
            raise SystemExit(1)


def _object(source: Any, report: dict[str, Any]) -> str:
    return json.dumps({"reflection": source.reflection.name, "source": source.name, **report}, sort_keys=True)
