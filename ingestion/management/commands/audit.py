from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from ingestion.auditing import audit, names
from ledger.commands import FOUND, Reporting, spoken


class Command(Reporting):
    help = (
        "Check every invariant of the ledgers and the store by query; changes nothing and may run at any time. "
        "Exit status: 0 all hold, 4 some rows break one."
    )
    needs = {"": "ingestion.view_ingestrun"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--deep", action="store_true", help="read and hash every payload, not a sample")
        parser.add_argument("--limit", type=int, default=20, help="rows shown per check (default: 20)")

    def handle(self, *_: Any, deep: bool, limit: int, **options: Any) -> None:
        if limit < 1:
            raise self.wrong("--limit must be at least 1")
        found = audit(limit=limit, deep=deep)
        if options["json"]:
            self.object({"checks": len(names()), "findings": [asdict(finding) for finding in found]})
        elif not found:
            self.stdout.write(f"{len(names())} checks, nothing found.")
        else:
            for finding in found:
                self.table(finding.rows, f"{spoken(finding.check)}{' (cut)' if finding.more else ''}:")
        if found:
            raise SystemExit(FOUND)
