from argparse import ArgumentParser
from typing import Any

from ingestion.recovery import sweep
from ledger.commands import SOME_COULD_NOT, Reporting, operator


class Command(Reporting):
    help = (
        "Return lost work to the queue, as every dispatcher does each second; safe at any time. "
        "Exit status: 0 done, 1 some repairs failed."
    )
    needs = {"": "ingestion.change_ingestrun"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count what would be returned, and do nothing")

    def handle(self, *_: Any, dry_run: bool, **options: Any) -> None:
        swept = sweep(dry_run=dry_run, by=operator())
        if options["json"]:
            self.object({"dry_run": dry_run, "repaired": dict(swept.repaired), "failed": dict(swept.failed)})
        else:
            self.facts(swept.repaired)
            self.facts({name: f"failed: {error}" for name, error in swept.failed.items()})
        if swept.failed:
            raise SystemExit(SOME_COULD_NOT)
