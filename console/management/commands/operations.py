from argparse import ArgumentParser
from typing import Any

from console.deeds import DEEDS
from console.lifecycles import OPERATION
from console.models import Operation
from console.operating import cancel
from ledger.commands import OperatorCommand, operator, positive
from ledger.deeds import Answer
from ledger.models import Event

SHOWN = 50


class Command(OperatorCommand):
    help = (
        "Look at what was ordered in the console for all rows of a list that match, and stop it. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such operation."
    )
    verbs = {
        "list": "in order of id",
        "show": "all of it: which rows, how many, what became of them",
        "cancel": "stop it after its present page; what is done stays done",
    }

    needs = dict.fromkeys(verbs, "console.view_operation")  # to cancel one, what its deed takes as well

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="only these")
        parser.add_argument("--status", choices=sorted(OPERATION.states), help="list: in this status")
        parser.add_argument("--after", type=int, default=0, metavar="ID", help="list: beyond this id, the next page")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"list: no more than this (default: {SHOWN})")
        parser.add_argument("--why", default="", metavar="WORDS", help="cancel: why; kept with the event")

    def list(self, options: dict[str, Any]) -> None:
        rows = Operation.objects.filter(pk__gt=options["after"]).order_by("pk")
        rows = rows.filter(pk__in=options["ids"]) if options["ids"] else rows
        rows = rows.filter(status=options["status"]) if options["status"] else rows
        self.listed("operations", [line(one) for one in rows[: options["limit"] + 1]], options)

    def show(self, options: dict[str, Any]) -> None:
        told = [whole(one) for one in Operation.objects.filter(pk__in=self.named(options)).order_by("pk")]
        if options["json"]:
            self.object({"operations": told})
            return
        for one in told:
            happened = one.pop("events")
            self.facts(one)
            self.table(happened)

    def cancel(self, options: dict[str, Any]) -> None:
        ids = self.named(options)
        rows = Operation.objects.filter(pk__in=ids)
        for name in rows.values_list("deed", flat=True).distinct() if options["person"] else ():
            self.admit(options["person"], DEEDS[name].may)
        if options["dry_run"]:
            open_ = list(rows.filter(status__in=OPERATION.steps).values_list("pk", flat=True))
        else:
            open_ = cancel(rows, by=operator(), why=options["why"].strip())
        self.tell(Answer({"cancelled": open_}, {"ended": sorted(set(ids) - set(open_))}), options)

    def named(self, options: dict[str, Any]) -> "list[int]":  # type: ignore[valid-type]  # the verb has its name
        known = sorted(Operation.objects.filter(pk__in=options["ids"]).values_list("pk", flat=True))
        if not known or len(known) < len(set(options["ids"])):
            raise self.wrong("give the ids of operations that are there")
        return known


def line(operation: Operation) -> dict[str, Any]:
    return {
        "id": operation.pk,
        "status": operation.status,
        "deed": operation.deed,
        "by": operation.by,
        "looked_at": operation.looked_at,
        "matched": operation.matched,
        "since": operation.since,
    }


def whole(operation: Operation) -> dict[str, Any]:
    events = Event.objects.filter(lifecycle=OPERATION.name, row_id=operation.pk).order_by("pk")
    names = ("query", "why", "reason", "done", "refused", "position", "upto", "tries", "created_at")
    return {
        **line(operation),
        **{name: getattr(operation, name) for name in names},
        "events": list(events.values("at", "was", "became", "reason", "by", "note")),
    }
