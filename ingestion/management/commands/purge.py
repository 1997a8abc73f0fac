from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from handoffs.models import Reference, Source, reference_id
from ingestion.approvals import ask, persons_needed
from ingestion.management.selecting import sources
from ingestion.purging import lift, plan, proof, purge, purge_source
from ingestion.sync import SyncBusy
from ledger.commands import BUSY, FOUND, SOME_COULD_NOT, Reporting, operator
from ledger.failures import Failure

SECOND = 5


class Command(Reporting):
    help = (
        "Erase items for good: bytes, texts, what was learned from them, and their names; shows its plan and asks "
        "first, and proves by queries that nothing is left. They stay out until --lift. "
        "Where two persons are needed it asks for the second one: `approvals`. "
        "Exit status: 0 done, 1 a disk refused or nothing was done, 2 bad usage, 3 the source is being synced, "
        "4 something is left, 5 a second person is asked."
    )
    needs = {"": "handoffs.delete_reference"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--source", metavar="NAME", help="all of this source, which is paused: its name or id")
        parser.add_argument(
            "--reference", action="append", metavar="NAME", help="this item alone: its name or id; may be repeated"
        )
        parser.add_argument("--lift", action="store_true", help="let what was purged come in again")
        parser.add_argument("--reason", metavar="TEXT", help="why; kept in the ledger. Not needed for --dry-run")
        parser.add_argument("--dry-run", action="store_true", help="show the plan and do nothing")
        parser.add_argument("--yes", action="store_true", help="do it without asking")

    def handle(self, *_: Any, **options: Any) -> None:
        reason = self.words(options)
        source = sources([options["source"]]).get() if options["source"] else None
        chosen = self.meant(source, options["reference"])
        whole = None if options["reference"] else source
        second = not options["lift"] and not options["dry_run"] and persons_needed() > 1
        if second and self.person is None:
            raise self.wrong("two persons are needed: say who asks with --as NAME; another one confirms")
        if options["dry_run"] or not options["yes"]:
            self.show(options, self.planned(chosen, lifting=options["lift"]))
        if options["dry_run"]:
            return
        if not options["yes"] and input("Do it? It cannot be undone. [y/N] ").strip().lower() not in ("y", "yes"):
            self.stdout.write("Nothing was done.")
            raise SystemExit(SOME_COULD_NOT)
        if options["lift"]:
            self.show(options, {"lifted": lift(chosen, by=operator(), reason=reason)})
        elif second and self.person:
            self.ask(whole, chosen, reason, self.person, options)
        else:
            self.do(whole, chosen, reason, options)

    def words(self, options: dict[str, Any]) -> str:
        """Why, if what was asked for makes sense."""
        reason: str = (options["reason"] or "").strip()
        if not options["source"] and not options["reference"]:
            raise self.wrong("say what: --source, --reference, or both for an item of a source")
        if not options["dry_run"] and not reason:
            raise self.wrong("say why with --reason, or ask what it would do with --dry-run")
        if options["json"] and not (options["dry_run"] or options["yes"]):
            raise self.wrong("with --json nobody is asked: give --yes or --dry-run")
        return reason

    def do(self, source: Source | None, chosen: QuerySet[Reference], reason: str, options: dict[str, Any]) -> None:
        try:
            if source is not None:
                done = purge_source(source, by=operator(), reason=reason)
            else:
                done = purge(chosen, by=operator(), reason=reason)
        except SyncBusy as busy:
            self.stderr.write(f"{busy}; it is paused: try again once that has ended")
            raise SystemExit(BUSY) from None
        except Failure as failure:
            self.stderr.write(f"{failure.reason.label}; what is left is tried again by every sweep")
            raise SystemExit(SOME_COULD_NOT) from None
        left = proof(chosen)
        self.show(options, {"erased": vars(done), "left": left})
        if any(left.values()):
            raise SystemExit(FOUND)

    def ask(
        self, source: Source | None, chosen: QuerySet[Reference], reason: str, person: User, options: dict[str, Any]
    ) -> None:
        """Put down a request for each source of what is meant."""
        asked = [one.pk for one in ask(source or chosen, reason, person=person, by=operator())]
        self.show(options, {"asked": asked})
        if not options["json"]:
            numbers = " ".join(map(str, asked))
            self.stdout.write(f"Another person has a week: manage.py approvals confirm {numbers} --as NAME")
        raise SystemExit(SECOND)

    def planned(self, chosen: QuerySet[Reference], *, lifting: bool) -> dict[str, Any]:
        if lifting:
            return {"lifted": chosen.exclude(erased_at=None).count()}
        return {"there": plan(chosen)}

    def show(self, options: dict[str, Any], told: dict[str, Any]) -> None:
        if options["json"]:
            self.object({"dry_run": options["dry_run"], **told})
            return
        for name, value in told.items():
            if isinstance(value, dict):
                self.stdout.write(f"{name}:")
                self.facts(value)
            else:
                self.facts({name: value})

    def meant(self, source: Source | None, names: list[str] | None) -> QuerySet[Reference]:
        """The items; one that was purged is known by its id, or by its name in the source."""
        if not names:
            return Reference.objects.filter(source=source)
        within = [source.pk] if source else list(Source.objects.values_list("pk", flat=True))
        found: list[UUID] = []
        for name in names:
            asked = Q(pk__in=[reference_id(pk, name) for pk in within])
            if (given := _uuid(name)) is not None:
                asked |= Q(pk=given)
            ids = list(Reference.objects.filter(asked, source__in=within).values_list("pk", flat=True)[:2])
            if len(ids) != 1:
                problem = "there is no item" if not ids else "several sources have an item"
                raise self.wrong(f"{problem} {name!r}; give its source too")
            found += ids
        return Reference.objects.filter(pk__in=found)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
