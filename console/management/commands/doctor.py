from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from console.health import look, look_at_sources
from ledger.commands import FOUND, Reporting, cell


class Command(Reporting):
    help = (
        "Look at everything that Sluicegate stands on, within seconds, and say what to do where something is wrong. "
        "Exit status: 0 all is well, 4 something is wrong."
    )
    needs = {"": "ingestion.view_ingestrun"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--sources", action="store_true", help="ask every source, too, with its key")

    def handle(self, *_: Any, sources: bool, **options: Any) -> None:
        findings = look()
        findings += look_at_sources(findings) if sources else []
        well = all(finding.ok for finding in findings)
        if options["json"]:
            self.object({"ok": well, "findings": [asdict(finding) for finding in findings]})
        else:
            for finding in findings:
                self.stdout.write(f"{'ok   ' if finding.ok else 'WRONG'} {finding.name:<14} {cell(finding.says)}")
                if finding.remedy:
                    self.stdout.write(f"      {'':<14} → {finding.remedy}")
        if not well:
            raise SystemExit(FOUND)
