import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from ingestion.asking import reflection as asked
from ingestion.asking import search
from ingestion.faces import show_hits
from patches.moments import Unclear


class Command(BaseCommand):
    help = "Answer a question from the live passages. Exit status: 0 found, 1 nothing found, 2 bad usage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--limit", type=int, default=5, help="how many passages (default: 5)")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *, question: str, reflection: str, limit: int, **options: Any) -> None:
        if limit < 1:
            raise CommandError("--limit must be at least 1", returncode=2)
        try:
            hits = search(asked(reflection), question, limit=limit)
        except Unclear as unclear:
            raise CommandError(str(unclear), returncode=2) from None
        if options["json"]:
            self.stdout.write(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False))
        elif hits:
            show_hits(Console(), hits)
        else:
            self.stdout.write("Nothing found.")
        if not hits:
            raise SystemExit(1)
