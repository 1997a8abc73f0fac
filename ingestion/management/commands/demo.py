from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console

from ingestion.asking import facts, search
from ingestion.connectors import DEFAULT
from ingestion.faces import reporting, show_hits
from ingestion.ingesting import ingest, register
from ingestion.workforce import at_work
from patches.faces import show_facts
from patches.facts import View

CORPUS = Path(__file__).resolve().parents[3] / "examples" / "corpus"
QUESTIONS = ("Where is the head office?", "When was the new crane bought?", "Which ferry company changed hands?")
PERSON = "Ruth Adeyemi"
NEXT = """
[bold]Where to go next[/bold] (manage.py is run by .venv/bin/python)
  manage.py ingest PATH         your own folder, again and again: only changes are worked on
  manage.py search "…"          passages with their sources
  manage.py facts --about "…"   what is known of a person or organisation, and when
  manage.py export              the whole knowledge as JSON lines
  make up                       console, Flower and workers, until Ctrl-C
  README.md, docs/guide         the rest"""


class Command(BaseCommand):
    help = (
        "Ingest the example corpus and show what it taught. Exit status: 0 as expected, 1 an item was lost on the way."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reflection", default="demo", help="the knowledge base (default: demo)")

    def handle(self, *, reflection: str, **_: Any) -> None:
        console = Console()
        console.print("[bold]1. Ingest examples/corpus[/bold]: fetch → chunk → embed → entity → fact → eval → apply")
        source = register(reflection, DEFAULT, "corpus", {"root": str(CORPUS)})
        with reporting(quiet=False) as faces, at_work() as workforce:
            report = ingest(
                source,
                listing=faces.listing,
                standing=faces.standing,
                meanwhile=workforce.look_after if workforce else lambda: None,
            )
        faces.tell(report)
        console.print("\n[bold]2. Ask[/bold]")
        for question in QUESTIONS:
            console.print(f"\n[cyan]{question}[/cyan]")
            show_hits(console, search(source.reflection, question, limit=2).hits)
        console.print(f"[bold]3. What is known of {PERSON}, and when it held[/bold]")
        show_facts(console, facts(source.reflection, about=PERSON, seen=View()))
        console.print(NEXT)
        if report.sync.listed != report.outcomes.total() + report.sync.unchanged + report.sync.touched:
            raise SystemExit(1)
