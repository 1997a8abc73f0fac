import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from handoffs.models import Reflection
from patches.faces import show_facts
from patches.facts import facts


class Command(BaseCommand):
    help = "Show what is known, and since when. Exit status: 0 found, 1 nothing known, 2 no such reflection."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--about", metavar="ENTITY", help="a person, organisation, place or document")
        parser.add_argument("--predicate", help="of this kind only")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *, about: str | None, predicate: str | None, reflection: str, **options: Any) -> None:
        try:
            owner = Reflection.objects.get(name=reflection)
        except Reflection.DoesNotExist:
            raise CommandError(f"there is no reflection {reflection!r}; ingest something first", returncode=2) from None
        known = facts(owner, about=about, predicate=predicate)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(fact) for fact in known], default=str, ensure_ascii=False))
        elif known:
            show_facts(Console(), known)
        else:
            self.stdout.write("Nothing known.")
        if not known:
            raise SystemExit(1)
