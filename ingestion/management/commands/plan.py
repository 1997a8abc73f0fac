from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from handoffs.models import Reflection, Source
from ingestion.management.of_folder import Folder, add_folder, folder
from ingestion.management.selecting import sources
from ingestion.planning import LIMIT, Plan, plan
from ledger.commands import DONE, FOUND, SOME_COULD_NOT, Reporting, positive, spoken
from ledger.failures import Failure
from patches.faces import show_difference

REFUSED = 5
SAYS_ENOUGH = ("passages_added", "passages_gone", "opened", "closed", "merged")


class Command(Reporting):
    help = (
        "Say what an ingest of a folder or source would change, and what the gate would say of it; nothing of it is "
        "known afterwards. Models are asked, and what they say is kept for the ingest. Exit status: 0 all would go in, "
        "1 some cannot be read, 2 bad usage or it cannot be listed, 4 some would wait for a person, 5 some be refused."
    )
    needs = {"": "patches.view_patchbatch"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", nargs="?", help="the folder; or give --source")
        parser.add_argument("--source", metavar="NAME", help="this source: its name, REFLECTION/NAME or id")
        add_folder(parser)
        parser.add_argument("--limit", type=positive, default=LIMIT, help=f"items looked at (default: {LIMIT})")

    def handle(self, *_: Any, **options: Any) -> None:
        if bool(options["path"]) == bool(options["source"]):
            raise self.wrong("give a folder, or --source NAME")
        if options["source"]:
            source = sources([options["source"]]).select_related("reflection").get()
        else:
            source = as_registered(folder(options["path"], options))
        try:
            told = plan(source, limit=options["limit"], accept_deletions=options["accept_deletions"])
        except Failure as failure:
            raise self.wrong(f"{source}: {failure}") from failure
        if options["json"]:
            self.object(_object(source, told))
        else:
            self.tell(told)
        if status := _status(told.decisions):
            raise SystemExit(status)

    def tell(self, told: Plan) -> None:
        rows = [
            {
                "item": one.item,
                "verdict": one.decision,
                "because": ", ".join(spoken(why) for why in one.because),
                "passages": f"+{one.changes.passages_added} -{one.changes.passages_gone}",
                "facts": f"+{len(one.changes.opened)} -{len(one.changes.closed)} ={len(one.changes.merged)}",
            }
            for one in told.items
        ]
        self.table(rows)
        for one in told.items:
            if one.changes.opened or one.changes.closed or one.changes.golden_moved or one.changes.golden_lost:
                self.stdout.write(f"\n{one.item}: {one.decision}")
                show_difference(self.console, one.changes)
        counts = {"listed": told.listed, "unchanged": told.unchanged, **told.decisions}
        self.stdout.write("\n" + ", ".join(f"{count} {spoken(name)}" for name, count in counts.items()))
        if told.more:
            self.stdout.write(f"cut at {len(told.items)} items; {told.more} more changed: --limit")
        if told.held:
            self.stdout.write(
                f"{told.held} items are absent; they stay unless --accept-deletions says that they are gone"
            )


def as_registered(found: Folder) -> Source:
    """The source as an ingest would register it; neither it nor a change of its options is saved."""
    owner = Reflection.objects.filter(name=found.reflection).first() or Reflection(name=found.reflection)
    source = Source.objects.filter(reflection__name=found.reflection, name=found.name).first()
    source = source or Source(reflection=owner, name=found.name)
    source.kind, source.options = found.connector, dict(found.options)
    return source


def _status(decisions: Counter[str]) -> int:
    for decision, status in (("reject", REFUSED), ("review", FOUND), ("failed", SOME_COULD_NOT)):
        if decisions[decision]:
            return status
    return DONE


def _object(source: Source, told: Plan) -> dict[str, Any]:
    facts = told.items
    totals = {
        name: sum(value if isinstance(value := getattr(one.changes, name), int) else len(value) for one in facts)
        for name in SAYS_ENOUGH
    }
    return {
        "source": str(source),
        "listed": told.listed,
        "unchanged": told.unchanged,
        "more": told.more,
        "deletions_held": told.held,
        "skipped": told.skipped,
        "verdicts": told.decisions,
        **totals,
        "spent": asdict(told.spent),
        "items": [asdict(one) for one in told.items],
    }
