from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from ingestion.explain import explain
from ingestion.models import IngestRun
from ledger.commands import Reporting, spoken


class Command(Reporting):
    help = "Say why a run is not running, every cause that there is. Exit status: 0 said, 2 no such run."
    needs = {"": "ingestion.view_ingestrun"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("run", type=int, metavar="RUN", help="its id")

    def handle(self, *_: Any, run: int, **options: Any) -> None:
        try:
            causes = explain(run)
        except IngestRun.DoesNotExist:
            raise self.wrong(f"there is no run {run}") from None
        if options["json"]:
            self.object({"run": run, "causes": [asdict(cause) for cause in causes]})
            return
        for cause in causes:
            self.stdout.write(f"{spoken(cause.name)}: {cause.says}")
