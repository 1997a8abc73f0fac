from argparse import ArgumentParser
from typing import Any

from django.db.models import Count

from handoffs.lifecycles import ENDED, HANDOFF
from handoffs.models import Handoff
from ingestion.management.selecting import add_filters, meant, narrowed, page
from ingestion.operating import cancel_handoffs, requeue
from ledger.commands import OperatorCommand, operator
from ledger.models import Event

SAYS_ENOUGH = 200

LOOK, DEED = "handoffs.view_handoff", "handoffs.change_handoff"


class Command(OperatorCommand):
    help = (
        "Look at handoffs, the requests to ingest one payload each; send them back to work, end them. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such handoff."
    )
    verbs = {
        "list": "in order of id",
        "show": "all of it, with its runs and what happened to it",
        "counts": "how many by status and reason",
        "requeue": "work on what ended again, but for what was applied",
        "cancel": "end them with their runs: at once, or before their next stage",
    }
    needs = {"list": LOOK, "show": LOOK, "counts": LOOK, "requeue": DEED, "cancel": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_filters(parser, sorted(HANDOFF.states), of_runs=False)

    def list(self, options: dict[str, Any]) -> None:
        rows = page(Handoff.objects.select_related("source__reflection", "reference"), options)
        self.listed("handoffs", [line(handoff) for handoff in rows], options)

    def show(self, options: dict[str, Any]) -> None:
        related = ("source__reflection", "reference")
        found = Handoff.objects.select_related(*related).filter(pk__in=options["ids"]).order_by("pk")
        if not options["ids"] or len(found) < len(set(options["ids"])):
            raise self.wrong("give the ids of handoffs that are there")
        if options["json"]:
            self.object({"handoffs": [whole(handoff) for handoff in found]})
            return
        for handoff in found:
            told = whole(handoff)
            happened, runs = told.pop("events"), told.pop("runs")
            self.facts(told)
            self.table(runs)
            self.table(happened)

    def counts(self, options: dict[str, Any]) -> None:
        rows = narrowed(Handoff.objects.all(), options).order_by()
        counted = rows.values("status", "reason").annotate(handoffs=Count("pk")).order_by("status", "reason")
        options["limit"] = SAYS_ENOUGH
        self.listed("counts", [dict(row) for row in counted], options)

    def requeue(self, options: dict[str, Any]) -> None:
        chosen, missing = meant(Handoff.objects.all(), options, ENDED - {"ingested"})
        self.tell(missing + requeue(chosen, by=operator(), dry_run=options["dry_run"]), options)

    def cancel(self, options: dict[str, Any]) -> None:
        chosen, missing = meant(Handoff.objects.all(), options, HANDOFF.states - ENDED)
        self.tell(missing + cancel_handoffs(chosen, by=operator(), dry_run=options["dry_run"]), options)


def line(handoff: Handoff) -> dict[str, Any]:
    return {
        "id": handoff.pk,
        "status": handoff.status,
        "reason": handoff.reason,
        "source": str(handoff.source),
        "item": handoff.reference.external_id,
        "size_bytes": handoff.size_bytes,
        "opened": handoff.opened,
        "since": handoff.since,
    }


def whole(handoff: Handoff) -> dict[str, Any]:
    events = Event.objects.filter(lifecycle=HANDOFF.name, row_id=handoff.pk).order_by("pk")
    return {
        **line(handoff),
        "payload_hash": handoff.payload_id,
        "reference_id": handoff.reference_id,
        "priority": handoff.priority,
        "runs": list(handoff.runs.order_by("pk").values("id", "status", "reason", "stage", "since")),
        "events": list(events.values("at", "was", "became", "reason", "by")),
    }
