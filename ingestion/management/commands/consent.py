from argparse import ArgumentParser
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from handoffs.models import Grant, Source
from ingestion import consenting
from ingestion.management.selecting import age, sources
from ledger.commands import OperatorCommand, operator


class Command(OperatorCommand):
    help = (
        "Say who allows that sources are taken in, allow it, withdraw it. Without it a source is not listed, nothing "
        "of it is read, and what is under way stops. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such source."
    )
    verbs = {
        "list": "who allowed what, and until when",
        "grant": "allow it; what waited for that goes on",
        "revoke": "withdraw it; what is under way stops before its next stage",
    }
    needs = {"list": "handoffs.view_grant", "grant": "handoffs.add_grant", "revoke": "handoffs.change_grant"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="its name, REFLECTION/NAME or id")
        parser.add_argument("--reflection", metavar="NAME", help="of this knowledge base")
        parser.add_argument("--scope", default="", metavar="WORDS", help="grant: what it is for")
        parser.add_argument("--for", dest="lasts", type=age, metavar="AGE", help="grant: such as 90d; else for good")

    def list(self, options: dict[str, Any]) -> None:
        rows = [line(one) for one in self.grants(options)]
        if options["json"]:
            self.object({"grants": rows})
        else:
            self.table(rows)

    def grants(self, options: dict[str, Any]) -> QuerySet[Grant]:
        known = Grant.objects.select_related("source__reflection").order_by("source", "-pk")
        if options["names"]:
            known = known.filter(source__in=self.meant(options))
        return known.annotate(holds=Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=Now())))

    def grant(self, options: dict[str, Any]) -> None:
        told = {"by": operator(), "dry_run": options["dry_run"]}
        answer = consenting.grant(self.meant(options), scope=options["scope"], lasts=options["lasts"], **told)
        self.tell(answer, options)

    def revoke(self, options: dict[str, Any]) -> None:
        answer = consenting.revoke(self.meant(options), by=operator(), dry_run=options["dry_run"])
        if not options["json"]:
            for name in options["names"]:
                self.stdout.write(f"What was taught stays. To erase it for good: manage.py purge --source {name}")
        self.tell(answer, options)

    def meant(self, options: dict[str, Any]) -> QuerySet[Source]:
        if not options["names"]:
            raise self.wrong("say which: the names of sources")
        return sources(options["names"], options["reflection"])


def line(grant: Any) -> dict[str, Any]:
    return {
        "id": grant.pk,
        "source": str(grant.source),
        "holds": grant.holds,
        "scope": grant.scope,
        "granted_by": grant.granted_by,
        "granted_at": grant.granted_at,
        "expires_at": grant.expires_at,
        "revoked_by": grant.revoked_by,
        "revoked_at": grant.revoked_at,
    }
