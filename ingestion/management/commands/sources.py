from argparse import ArgumentParser
from typing import Any

from django.db.models import Count, Q, QuerySet

from handoffs.models import Reference, Source
from ingestion.management.selecting import sources
from ingestion.operating import pause, reprocess, resume
from ledger.commands import OperatorCommand, operator


class Command(OperatorCommand):
    help = (
        "Look at sources, hold them, let them go on, have what is live done again by the present recipe. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such source."
    )
    verbs = {
        "list": "all of them",
        "pause": "begin nothing of them; what is under way stops before its next stage",
        "resume": "let them go on",
        "reprocess": "do again what another recipe made; with --force everything",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="its name, REFLECTION/NAME or id")
        parser.add_argument("--reflection", metavar="NAME", help="of this knowledge base")
        parser.add_argument("--all", action="store_true", help="every source")
        parser.add_argument("--why", default="", metavar="WORDS", help="why it is paused; shown to who asks")
        parser.add_argument("--force", action="store_true", help="also what the present recipe made")

    def list(self, options: dict[str, Any]) -> None:
        known = (
            self.known(options)
            .select_related("reflection")
            .annotate(
                live=Count("references", filter=Q(references__gone_at=None)),
            )
        )
        rows = [line(source) for source in known]
        if options["json"]:
            self.object({"sources": rows})
        else:
            self.table(rows)

    def pause(self, options: dict[str, Any]) -> None:
        self.tell(pause(self.meant(options), options["why"], by=operator(), dry_run=options["dry_run"]), options)

    def resume(self, options: dict[str, Any]) -> None:
        self.tell(resume(self.meant(options), by=operator(), dry_run=options["dry_run"]), options)

    def reprocess(self, options: dict[str, Any]) -> None:
        references = Reference.objects.filter(source__in=self.meant(options).order_by())
        told = reprocess(references, by=operator(), force=options["force"], dry_run=options["dry_run"])
        self.tell(told, options)

    def meant(self, options: dict[str, Any]) -> QuerySet[Source]:
        if not options["names"] and not options["reflection"] and not options["all"]:
            raise self.wrong("say which: names, --reflection or --all")
        return self.known(options)

    def known(self, options: dict[str, Any]) -> QuerySet[Source]:
        if options["names"]:
            return sources(options["names"], options["reflection"])
        every = Source.objects.order_by("pk")
        return every.filter(reflection__name=options["reflection"]) if options["reflection"] else every


def line(source: Any) -> dict[str, Any]:
    return {
        "id": source.pk,
        "source": str(source),
        "kind": source.kind,
        "paused": source.paused,
        "why": source.paused_why,
        "priority": source.priority,
        "weight": source.weight,
        "references": source.live,
        "synced_at": source.synced_at,
        "last_error": source.last_error,
    }
