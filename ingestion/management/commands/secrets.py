from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from handoffs import sealing
from handoffs.models import Secret, Source
from ingestion import enrolling
from ingestion.management.secrets_given import secrets_given
from ingestion.management.selecting import sources
from ledger.commands import OperatorCommand, operator
from ledger.failures import Auth

LOOK, DEED = "handoffs.view_secret", "handoffs.change_secret"


class Command(OperatorCommand):
    help = (
        "Set, replace and forget the passwords and tokens of sources, and seal all of them anew. What one is, is "
        "never shown. Exit status: 0 done, 2 bad usage, no such source, or no key."
    )
    verbs = {
        "list": "which there are, since when, and who set them",
        "set": "SOURCE NAME …: asked for, read from standard input line by line, or NAME=@FILE",
        "forget": "SOURCE NAME …: delete them",
        "rotate": "seal every secret anew with the newest key; the checkout's own file gets a new one first",
    }
    needs = {"list": LOOK, "set": DEED, "forget": DEED, "rotate": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("source", nargs="?", metavar="SOURCE", help="its name, REFLECTION/NAME or id")
        parser.add_argument("names", nargs="*", metavar="NAME", help="names of secrets, as its connector calls them")

    def list(self, options: dict[str, Any]) -> None:
        known = Secret.objects.order_by("source", "name").select_related("source__reflection")
        if options["source"]:
            known = known.filter(source=self.meant(options))
        rows = [
            {"source": str(one.source), "name": one.name, "set_at": one.set_at, "set_by": one.set_by} for one in known
        ]
        if options["json"]:
            self.object({"secrets": rows})
        else:
            self.table(rows)

    def set(self, options: dict[str, Any]) -> None:
        source, given = self.meant(options), secrets_given(self.named(options))
        try:
            enrolling.entrust(source, given, by=operator(), dry_run=options["dry_run"])
        except (ValueError, sealing.NoKey) as problem:
            raise self.wrong(str(problem)) from problem
        self.said("set", sorted(given), options)

    def forget(self, options: dict[str, Any]) -> None:
        source, names = self.meant(options), self.named(options)
        with transaction.atomic(durable=True):
            found = sealing.forget(source, names, by=operator())
            if options["dry_run"]:
                transaction.set_rollback(True)
        self.said("forgotten", found, options)

    def rotate(self, options: dict[str, Any]) -> None:
        if options["source"]:
            raise self.wrong("every secret is sealed anew: name no source")
        try:
            count = sealing.rotate(dry_run=options["dry_run"])
        except (sealing.NoKey, Auth) as problem:
            raise self.wrong(str(problem)) from problem
        if options["json"]:
            self.object({"dry_run": options["dry_run"], "sealed_anew": count})
        else:
            self.stdout.write(f"{count:,} {'would be ' if options['dry_run'] else ''}sealed anew")

    def meant(self, options: dict[str, Any]) -> Source:
        if not options["source"]:
            raise self.wrong("say which source")
        return sources([options["source"]], None).get()

    def named(self, options: dict[str, Any]) -> Sequence[str]:
        if not options["names"]:
            raise self.wrong("say which secrets")
        names: Sequence[str] = options["names"]
        return names

    def said(self, what: str, names: Sequence[str], options: dict[str, Any]) -> None:
        if options["json"]:
            self.object({"dry_run": options["dry_run"], what: names})
        else:
            would = "would be " if options["dry_run"] else ""
            self.stdout.write(f"{would}{what}: {', '.join(names) or 'none'}")
