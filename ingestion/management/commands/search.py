from argparse import ArgumentParser
from dataclasses import asdict, replace
from typing import Any

from django.core.management.base import CommandError

from ingestion.asking import narrowed, reflection, search
from ingestion.faces import show_hits
from ingestion.management.selecting import sources
from ledger.commands import SOME_COULD_NOT, Reporting, positive
from ledger.failures import Failure
from patches.faces import show_facts
from patches.moments import Unclear

MODEL_AWAY = 5


class Command(Reporting):
    help = (
        "Answer a question from the live passages, with facts about whom it names. "
        "Exit status: 0 found, 1 nothing found, 2 what was asked for is not there, 5 the model does not answer."
    )
    needs = {"": "patches.view_passage"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("question")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--limit", type=positive, default=5, help="how many passages (default: 5)")
        parser.add_argument("--source", action="append", metavar="NAME", help="of this source; may be repeated")
        parser.add_argument("--about", metavar="ENTITY", help="that name it, or claim something of it")
        parser.add_argument("--dated-from", metavar="DATE", help="of documents that are dated then or later")
        parser.add_argument("--dated-to", metavar="DATE", help="of documents that are dated then or earlier")
        parser.add_argument(
            "--known-at", metavar="SEQ|TIME", help="those that were live after this apply number, or at this time"
        )

    def handle(self, *_: Any, question: str, limit: int, **options: Any) -> None:
        try:
            owner = reflection(options["reflection"])
            dated = options["dated_from"], options["dated_to"]
            within = narrowed(owner, known_at=options["known_at"], about=options["about"], dated=dated)
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        if options["source"]:
            of = sources(options["source"], owner.name)
            within = replace(within, sources=list(of.values_list("pk", flat=True)))
        try:
            answer = search(owner, question, within=within, limit=limit)
        except Failure as failure:
            says = f"the model that SLUICEGATE_EMBEDDINGS names does not answer: {failure.reason.label}"
            raise CommandError(says, returncode=MODEL_AWAY) from failure
        if options["json"]:
            self.object({**asdict(answer), "known_at": within.known_at})
        else:
            show_hits(self.console, answer.hits)
            show_facts(self.console, answer.facts)
        if not answer.hits:
            if not options["json"]:
                self.stdout.write("Nothing found.")
            raise SystemExit(SOME_COULD_NOT)
