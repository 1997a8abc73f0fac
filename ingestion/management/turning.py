"""What `revert` and `restore` have in common: of what, the plan first, then the deed."""

from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet

from ingestion.management.of_what import add_selection, selection
from ledger.commands import SOME_COULD_NOT, Reporting, operator, spoken
from patches.changes import FactChange
from patches.faces import show_changes
from patches.models import PatchBatch
from patches.moments import Unclear
from patches.revert import Turned

Deed = Callable[..., Turned]


class Turning(Reporting):
    """Shows what the deed would do, asks, and does it. `statuses` are those of the batches that it is for."""

    deed: ClassVar[Deed]
    statuses: ClassVar[frozenset[str]]
    needs = {"": "patches.change_patchbatch"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_selection(parser)
        parser.add_argument("--reason", metavar="TEXT", help="why; kept in the ledger. Not needed for --dry-run")
        parser.add_argument("--dry-run", action="store_true", help="show the plan and do nothing")
        parser.add_argument("--yes", action="store_true", help="do it without asking")

    def handle(self, *_: Any, **options: Any) -> None:
        dry_run, reason = options["dry_run"], (options["reason"] or "").strip()
        if not dry_run and not reason:
            raise self.wrong("say why with --reason, or ask what it would do with --dry-run")
        if options["json"] and not (dry_run or options["yes"]):
            raise self.wrong("with --json nobody is asked: give --yes or --dry-run")
        chosen = self.meant(options)
        if options["yes"] and not dry_run:
            turned = self.turn(chosen, reason, dry_run=False)
        else:
            turned = self.turn(chosen, reason or "a plan", dry_run=True)
        if not dry_run and not options["yes"]:
            tell(self, turned, options, planned=True)
            if not turned.batches.done or input("Do it? [y/N] ").strip().lower() not in ("y", "yes"):
                self.stdout.write("Nothing was done.")
                raise SystemExit(SOME_COULD_NOT)
            turned = self.turn(chosen, reason, dry_run=False)
        tell(self, turned, options, planned=dry_run)
        if turned.batches.refused or not turned.batches.done:
            raise SystemExit(SOME_COULD_NOT)

    def meant(self, options: Mapping[str, Any]) -> QuerySet[PatchBatch]:
        """Batches that are named are taken as they are, so that the answer says of each why it could not."""
        try:
            chosen = selection(options).meant()
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        if not options["batch"]:
            chosen = chosen.filter(status__in=self.statuses)
        # by id: what is meant is what was shown, whatever else comes in before the answer
        return PatchBatch.objects.filter(pk__in=list(chosen.values_list("pk", flat=True)))

    def turn(self, chosen: QuerySet[PatchBatch], reason: str, *, dry_run: bool) -> Turned:
        return type(self).deed(chosen, by=operator(), reason=reason, dry_run=dry_run)


def tell(command: Reporting, turned: Turned, options: Mapping[str, Any], *, planned: bool) -> None:
    """Say what a revert or a restoration did, or would do."""
    if options["json"]:
        facts = {"closed": _rows(turned.closed), "opened": _rows(turned.opened)}
        passages = {"passages_gone": turned.passages_gone, "passages_back": turned.passages_back}
        ids = {**turned.batches.done, **turned.batches.refused}
        told = {"dry_run": planned, **turned.batches.counts(), **passages, **facts, "ids": ids}
        command.object({**told, "apply_numbers": [] if planned else list(turned.seqs)})
        return
    counts = turned.batches.counts()
    for name, count in counts["done"].items():
        command.stdout.write(f"{count:,} batches {'would be ' if planned else ''}{spoken(name)}")
    for name, count in counts["refused"].items():
        command.stdout.write(f"{count:,} batches left alone: {spoken(name)}")
    if not counts["done"]:
        command.stdout.write("Nothing to do.")
        return
    command.stdout.write(f"{turned.passages_gone:,} passages go, {turned.passages_back:,} come back")
    command.stdout.write(f"{len(turned.closed):,} facts end, {len(turned.opened):,} begin")
    show_changes(command.console, turned.closed, turned.opened)


def _rows(facts: Sequence[FactChange]) -> list[dict[str, Any]]:
    return [asdict(fact) for fact in facts]
