from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError
from django.utils import timezone

from handoffs import tokens
from handoffs.models import ApiToken, Reflection
from ledger.commands import OperatorCommand, operator, positive


class Command(OperatorCommand):
    help = (
        "Make and end the tokens with which programs use the API. "
        "Exit status: 0 done, 1 it was ended before, 2 bad usage or no such token."
    )
    verbs = {
        "list": "all of them, without their secrets",
        "add": "make one; its secret is shown this once",
        "revoke": "end it for good",
    }
    needs = {"list": "handoffs.view_apitoken", "add": "handoffs.add_apitoken", "revoke": "handoffs.change_apitoken"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", default="", help="what it is called")
        parser.add_argument("--reflection", default="main", metavar="NAME", help="its knowledge base (default: main)")
        parser.add_argument("--scope", action="append", choices=ApiToken.Scope.values, help="what it may; repeatable")
        parser.add_argument("--days", type=positive, help="ends by itself after so many days")

    def list(self, options: dict[str, Any]) -> None:
        rows = ApiToken.objects.select_related("reflection").order_by("reflection__name", "name")
        told = [line(token) for token in rows]
        if options["json"]:
            self.object({"tokens": told})
        else:
            self.table(told)

    def add(self, options: dict[str, Any]) -> None:
        name, scopes = options["name"], options["scope"]
        if not scopes:
            raise self.wrong("give at least one --scope")
        try:
            validate_slug(name)
        except ValidationError:
            raise self.wrong("give a name of letters, digits, hyphens and underscores") from None
        owner, _ = Reflection.objects.get_or_create(name=options["reflection"])
        if ApiToken.objects.filter(reflection=owner, name=name).exists():
            raise self.wrong(f"there is a token {name!r} already")
        if options["dry_run"]:
            self.stdout.write("it could be made")
            return
        ends = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        try:
            token, secret = tokens.make(owner, name, scopes, by=operator(), expires_at=ends)
        except IntegrityError:
            raise self.wrong(f"there is a token {name!r} already") from None
        told = line(token) | {"secret": secret}
        if options["json"]:
            self.object(told)
        else:
            self.facts(told)

    def revoke(self, options: dict[str, Any]) -> None:
        known = ApiToken.objects.filter(reflection__name=options["reflection"], name=options["name"]).first()
        if known is None:
            raise self.wrong(f"there is no token {options['name']!r} in {options['reflection']!r}")
        ended = known.revoked_at is None if options["dry_run"] else tokens.revoke(known, by=operator())
        self.stdout.write("revoked" if ended else "it was revoked before")
        if not ended:
            raise SystemExit(1)


def line(token: ApiToken) -> dict[str, Any]:
    return {
        "token": str(token),
        "scopes": ", ".join(token.scopes),
        "made_by": token.made_by,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
    }
