from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.db.models import Sum

from handoffs.models import Handoff
from ingestion.attention import acknowledge
from ingestion.explain import explain
from ingestion.lifecycles import ACTIVE, RUN
from ingestion.management.selecting import add_filters, meant, page
from ingestion.models import IngestRun
from ingestion.operating import cancel, requeue
from ingestion.traceparents import trace_of
from ingestion.usage import of_run
from ledger.commands import OperatorCommand, operator
from ledger.models import Event

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
        related = ("source__reflection", "handoff__reference", "quarantine", "flight")
        found = IngestRun.objects.select_related(*related).filter(pk__in=options["ids"]).order_by("pk")
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


def line(run: IngestRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "status": run.status,
        "reason": run.reason,
        "stage": run.stage,
        "source": str(run.source),
        "item": run.handoff.reference.external_id,
        "attempts": run.attempts,
        "since": run.since,
    }


def spent(run: IngestRun) -> list[dict[str, Any]]:
    """What the run cost at each stage that asked a paid model, over all its attempts."""
    sums = (Sum(name) for name in ("input_tokens", "output_tokens", "cost"))
    names = ("stage", "recipe", "input_tokens", "output_tokens", "cost")
    grouped = run.spendings.order_by("stage", "recipe").values_list("stage", "recipe").annotate(*sums)
    return [dict(zip(names, row, strict=True)) for row in grouped]


def whole(run: IngestRun) -> dict[str, Any]:
    events = Event.objects.filter(lifecycle=RUN.name, row_id=run.pk).order_by("pk")
    more = (
        "failure",
        "detail",
        "deliveries",
        "crashes",
        "next_attempt_at",
        "cancel_requested",
        "content_hash",
        "answered",
    )
    ids = ("handoff_id", "flight_id", "batch_id", "duplicate_of_id", "waits_for_id")
    return {
        **line(run),
        "size_bytes": run.handoff.size_bytes,
        "trace": trace_of(run.handoff.traceparent or (run.flight.traceparent if run.flight else "")),
        **{name: getattr(run, name) for name in (*more, *ids)},
        "stages_done": sorted(run.outputs.values_list("stage", flat=True)),
        "used": [asdict(used) for used in of_run(run.pk)],
        "spent": spent(run),
        "why": [{"cause": cause.name, "says": cause.says} for cause in explain(run.pk)],
        "events": list(events.values("at", "was", "became", "reason", "by", "note")),
    }
