from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from handoffs.models import Reflection
from ledger.commands import SOME_COULD_NOT, OperatorCommand, operator, positive
from patches.entities import Ordered, counting_as, listed, merge, split, words
from patches.faces import show_changes, show_facts
from patches.facts import facts
from patches.lookup import entity
from patches.models import Entity
from patches.moments import Unclear

SHOWN = 50

LOOK, DEED = "patches.view_entity", "patches.change_patchbatch"


class Command(OperatorCommand):
    help = (
        "Look at whom the store knows; take two for one, and apart again. Either goes through the gate and is a batch "
        "that can be reverted. Exit status: 0 done, 1 the gate let it not through, 2 bad usage or nobody of that name."
    )
    verbs = {
        "list": "entities by type and name, with the names that count as theirs",
        "show": "one of them: its names, what was said of who it is, and the facts about it",
        "merge": "what is said of NAME counts as said of --into",
        "split": "NAME, which counts as another, counts as itself again",
    }
    needs = {"list": LOOK, "show": LOOK, "merge": DEED, "split": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", metavar="NAME", help="a name or an id; for list a part of a name")
        parser.add_argument("--into", metavar="NAME", help="merge: whom it is the same as")
        parser.add_argument("--type", metavar="TYPE", help="of this type only: person, organization, place, document")
        parser.add_argument("--reason", default="", metavar="WORDS", help="merge, split: why; kept with the batch")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"how many to show (default: {SHOWN})")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            options["owner"] = Reflection.objects.get(name=options["reflection"])
            super().handle(*args, **options)
        except Reflection.DoesNotExist:
            raise self.wrong(f"there is no reflection {options['reflection']!r}") from None
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None

    def list(self, options: dict[str, Any]) -> None:
        which = {"type_": options["type"], "like": options["name"], "limit": options["limit"] + 1}
        found = listed(options["owner"].pk, **which)
        self.listed("entities", [asdict(one) | {"also": ", ".join(one.also)} for one in found], options)

    def show(self, options: dict[str, Any]) -> None:
        named = self.named(options["name"], options)
        counts_as = counting_as([named.pk]).get(named.pk, named)
        [known] = listed(options["owner"].pk, ids=[counts_as.pk])
        said = words([named.pk, counts_as.pk])
        about = facts(options["owner"].pk, about=[counts_as.pk], limit=options["limit"])
        if options["json"]:
            told = {"entity": asdict(known), "said": [asdict(word) for word in said]}
            self.object(told | {"facts": [asdict(fact) for fact in about]})
            return
        self.facts({"entity": known.name, "type": known.type, "also": ", ".join(known.also), "id": known.id})
        if said:
            self.table([asdict(word) for word in said], "\nWhat was said of who it is:")
        self.stdout.write(f"\n{known.facts} facts about it, {known.named_in} that name it:")
        show_facts(self.console, about)

    def merge(self, options: dict[str, Any]) -> None:
        one, other = self.named(options["name"], options), self.named(options["into"], options, "--into NAME")
        self.ordered(merge(one, other, **self.order(options)), options)

    def split(self, options: dict[str, Any]) -> None:
        self.ordered(split(self.named(options["name"], options), **self.order(options)), options)

    def named(self, name: str | None, options: dict[str, Any], asked: str = "NAME") -> Entity:
        if not name:
            raise self.wrong(f"give {asked}")
        return entity(options["owner"].pk, name, type_=options["type"])

    def order(self, options: dict[str, Any]) -> dict[str, Any]:
        if not options["reason"].strip():
            raise self.wrong("say why: --reason WORDS")
        return {"by": operator(), "reason": options["reason"].strip(), "dry_run": options["dry_run"]}

    def ordered(self, done: Ordered, options: dict[str, Any]) -> None:
        """Say what came of it, or would."""
        if options["json"]:
            batch = None if options["dry_run"] else done.batch
            self.object(asdict(done) | {"batch": batch, "dry_run": options["dry_run"]})
        else:
            would = " (nothing was written)" if options["dry_run"] else f", batch {done.batch}"
            outcome = f"{done.says}{would}" if done.applied else f"refused by {', '.join(done.offending)}: {done.says}"
            self.stdout.write(outcome)
            show_changes(self.console, done.closed, done.opened)
        if not done.applied:
            raise SystemExit(SOME_COULD_NOT)
