from argparse import ArgumentParser
from typing import Any

from handoffs.models import Handoff
from ingestion.attention import acknowledge
from ingestion.lifecycles import ACTIVE, RUN
from ingestion.management.selecting import add_filters, meant, page
from ingestion.models import IngestRun
from ingestion.operating import cancel, requeue
from ingestion.telling import RELATED, line, whole
from ledger.commands import OperatorCommand, operator

AGAIN = ("eval_rejected", "failed", "duplicate_skipped", "cancelled", "quarantined")

LOOK, DEED = "ingestion.view_ingestrun", "ingestion.change_ingestrun"


class Command(OperatorCommand):
    help = (
        "Look at runs, send them back to work, end them. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such run."
    )
    verbs = {
        "list": "in order of id",
        "show": "all of it, with what happened to it and why it is where it is",
        "requeue": "work on what ended again, but for what was applied",
        "cancel": "end them: at once, or before their next stage",
        "acknowledge": "you saw that they failed, and nothing is to be done; needs --why",
    }
    needs = {"list": LOOK, "show": LOOK, "requeue": DEED, "cancel": DEED, "acknowledge": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_filters(parser, sorted(RUN.states))
        parser.add_argument("--why", default="", metavar="WORDS", help="why nothing is to be done; kept with them")

    def list(self, options: dict[str, Any]) -> None:
        rows = page(IngestRun.objects.select_related("source__reflection", "handoff__reference"), options)
        self.listed("runs", [line(run) for run in rows], options)

    def show(self, options: dict[str, Any]) -> None:
        found = IngestRun.objects.select_related(*RELATED).filter(pk__in=options["ids"]).order_by("pk")
        if not options["ids"] or len(found) < len(set(options["ids"])):
            raise self.wrong("give the ids of runs that are there")
        if options["json"]:
            self.object({"runs": [whole(run) for run in found]})
            return
        for run in found:
            told = whole(run)
            happened, causes, costs, used = (told.pop(name) for name in ("events", "why", "spent", "used"))
            self.facts(told)
            if used:
                self.table(used)
            if costs:
                self.table(costs)
            self.table(causes)
            self.table(happened)

    def requeue(self, options: dict[str, Any]) -> None:
        chosen, missing = meant(IngestRun.objects.all(), options, AGAIN)
        handoffs = Handoff.objects.filter(pk__in=chosen.order_by().values("handoff"))
        self.tell(missing + requeue(handoffs, by=operator(), dry_run=options["dry_run"]), options)

    def cancel(self, options: dict[str, Any]) -> None:
        chosen, missing = meant(IngestRun.objects.all(), options, ACTIVE | {"quarantined"})
        self.tell(missing + cancel(chosen, by=operator(), dry_run=options["dry_run"]), options)

    def acknowledge(self, options: dict[str, Any]) -> None:
        if not (why := options["why"].strip()):
            raise self.wrong("say why: --why WORDS")
        chosen, missing = meant(IngestRun.objects.all(), options, {"failed"})
        told = acknowledge(chosen, why, by=operator(), dry_run=options["dry_run"])
        self.tell(missing + told, options)
