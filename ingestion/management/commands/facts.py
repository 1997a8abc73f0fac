from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from ingestion.asking import facts, reflection, view
from ledger.commands import SOME_COULD_NOT, Reporting, positive
from patches.faces import show_facts
from patches.moments import Unclear

SHOWN = 100


class Command(Reporting):
    help = (
        "Show what is known, or was known, and when it held. "
        "Exit status: 0 found, 1 nothing known, 2 what was asked for is not there."
    )
    needs = {"": "patches.view_fact"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--about", metavar="ENTITY", help="a person, organisation, place or document's title")
        parser.add_argument("--predicate", help="of this kind only")
        parser.add_argument(
            "--valid-at", metavar="DATE", help="what held then: a day, or at some time in a month or year"
        )
        parser.add_argument(
            "--known-at",
            metavar="SEQ|TIME",
            help="as the store knew it after this apply number, or at this time (a day or month: at its end; UTC)",
        )
        parser.add_argument("--history", action="store_true", help="every version that the store held, and when it did")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"how many facts (default: {SHOWN})")

    def handle(self, *_: Any, about: str | None, predicate: str | None, **options: Any) -> None:
        limit: int = options["limit"]
        try:
            owner = reflection(options["reflection"])
            seen = view(owner, valid_at=options["valid_at"], known_at=options["known_at"], history=options["history"])
            known = facts(owner, about=about, predicate=predicate, seen=seen, limit=limit + 1)
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        if options["json"]:
            shown = [asdict(fact) for fact in known[:limit]]
            self.object({"facts": shown, "more": len(known) > limit, "known_at": seen.known_at})
        else:
            show_facts(self.console, known[:limit], history=seen.history)
            if len(known) > limit:
                self.stdout.write(f"cut at {limit}; there are more: --limit {2 * limit}")
        if not known:
            if not options["json"]:
                self.stdout.write("Nothing known." if seen.known_at != 0 else "Nothing was known yet.")
            raise SystemExit(SOME_COULD_NOT)
