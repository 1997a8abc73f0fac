from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet

from ingestion.approvals import MAY_PURGE, confirm, refuse
from ingestion.models import Approval
from ingestion.purging import finish
from ledger.commands import OperatorCommand, operator, positive

SHOWN = 50


class Command(OperatorCommand):
    help = (
        "What one person asked for and another one has to agree to: purges, where two persons are needed. "
        "Exit status: 0 done, 1 some could not, 2 bad usage."
    )
    verbs = {
        "list": "what waits for a second person; with --all whatever there was",
        "confirm": "agree to what others asked for, and have it done; needs --as",
        "refuse": "turn it down; needs --as and --why",
    }
    needs = {"list": "ingestion.view_approval", "confirm": MAY_PURGE, "refuse": MAY_PURGE}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ids", nargs="*", type=positive, metavar="ID", help="which")
        parser.add_argument("--all", action="store_true", help="list: those that are over too")
        parser.add_argument("--why", default="", metavar="WORDS", help="refuse: why; kept in the ledger")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"how many are listed (default: {SHOWN})")

    def list(self, options: dict[str, Any]) -> None:
        rows = Approval.objects.select_related("source__reflection", "asked_by", "decided_by").order_by("-pk")
        if options["ids"]:
            rows = rows.filter(pk__in=options["ids"])
        elif not options["all"]:
            rows = rows.filter(status="asked")
        self.listed("approvals", [line(one) for one in rows[: options["limit"] + 1]], options)

    def confirm(self, options: dict[str, Any]) -> None:
        told = {"person": self.who(), "by": operator(), "dry_run": options["dry_run"]}
        answer = confirm(self.meant(options), **told)
        if not options["dry_run"]:
            finish(by=operator())
        self.tell(answer, options)

    def refuse(self, options: dict[str, Any]) -> None:
        if not (why := options["why"].strip()):
            raise self.wrong("say why: --why WORDS")
        told = {"person": self.who(), "by": operator(), "dry_run": options["dry_run"]}
        self.tell(refuse(self.meant(options), why, **told), options)

    def who(self) -> User:
        if self.person is None:
            raise self.wrong("say who decides: --as NAME")
        return self.person

    def meant(self, options: dict[str, Any]) -> QuerySet[Approval]:
        found = Approval.objects.filter(pk__in=options["ids"])
        if not options["ids"] or found.count() < len(set(options["ids"])):
            raise self.wrong("give the ids of approvals that are there")
        return found


def line(one: Approval) -> dict[str, Any]:
    return {
        "id": one.pk,
        "status": one.status,
        "source": str(one.source),
        "items": len(one.references) or "all",
        "why": one.why,
        "asked_by": str(one.asked_by),
        "decided_by": str(one.decided_by or ""),
        "expires_at": one.expires_at,
    }
