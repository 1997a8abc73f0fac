from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from rich.console import Console
from rich.markup import escape

from handoffs.models import Source
from ingestion.asking import facts, search, view
from ingestion.connectors import DEFAULT, VAULT
from ingestion.faces import Faces, reporting, show_hits
from ingestion.ingesting import Report, ingest, register
from ingestion.models import IngestRun, RetryRule
from ingestion.policies import rules_of
from ingestion.workforce import Workforce, at_work
from ledger.commands import spoken
from ledger.edits import note
from ledger.failures import Malformed
from ledger.reasons import Reason
from patches.export import export
from patches.faces import show_changes, show_facts
from patches.facts import Known
from patches.models import ApplyTransaction, Patch, PatchBatch, Verdict
from patches.revert import revert

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
LATER = "later"
NOTE = "Tide gate"
TRUST, QUESTION, MOMENT = "Marrow Bay Harbour Trust", "Where is the head office?", "2021-04"
NEXT = """
[bold]Where to go next[/bold] (manage.py is run by .venv/bin/python)
  make up                      the console over what you just saw, with the file in
                               quarantine and the rejected document; until Ctrl-C
  manage.py ingest PATH        your own folder, again and again: only changes are
                               worked on; from then on make up opens that store
  make demo-up                 the console over what you just saw, at any time
  manage.py search "…"         passages with their sources; --known-at asks the past
  manage.py facts --about "…"  what is known of whom, and when; --history
  manage.py trace --about "…"  from facts to the bytes that they were read from
  README.md, docs/guide        the rest"""


class Command(BaseCommand):
    help = (
        "Ingest the example corpus and tell its story: who led the trust when, what was believed before a correction, "
        "what the gate kept out, and a revert. Exit status: 0 as expected, 1 it went another way, 2 told already."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reflection", default="demo", help="the knowledge base (default: demo)")

    def handle(self, *, reflection: str, **_: Any) -> None:
        if Source.objects.filter(reflection__name=reflection, name=LATER).exists():
            raise CommandError(f"{reflection!r} has heard the story: give it a new --reflection", returncode=2)
        self.console = Console()
        keep_what_cannot_be_read()
        with reporting(quiet=False) as faces, at_work() as workforce:
            self.console.print("[bold]1. Ingest examples/corpus[/bold]: fetch, chunk, embed, entity, fact, eval, apply")
            corpus = register(reflection, DEFAULT, "corpus", {"root": str(EXAMPLES / "corpus")})
            report = self.ingest(corpus, faces, workforce)
            faces.tell(report)
            set_aside = self.unread(corpus)
            self.ask(corpus)
            before, known = list(export(corpus.reflection)), ApplyTransaction.objects.latest("seq").seq
            later = register(reflection, DEFAULT, LATER, {"root": str(EXAMPLES / LATER)})
            self.ingest(later, faces, workforce)
            kept_out = self.arrivals(later)
            believed = self.compare(corpus, known)
            restored = self.take_back(later, before)
            notes = register(reflection, VAULT, "vault", {"root": str(EXAMPLES / "vault")})
            linked = self.follow_links(notes, self.ingest(notes, faces, workforce))
        self.console.print(NEXT)
        complete = report.sync.listed == report.outcomes.total() + report.sync.unchanged + report.sync.touched
        if not (complete and set_aside and kept_out and believed and restored and linked):
            raise SystemExit(1)

    def ingest(self, source: Source, faces: Faces, workforce: Workforce | None) -> Report:
        return ingest(
            source,
            listing=faces.listing,
            standing=faces.standing,
            meanwhile=workforce.look_after if workforce else lambda: None,
        )

    def unread(self, corpus: Source) -> bool:
        """Name what cannot be read; whether there is such a file, and each went where the store's rules send it."""
        goes = rules_of([corpus.pk])[corpus.pk].policy(Malformed.kind).finally_
        runs = IngestRun.objects.filter(source=corpus, failure=Malformed.kind).order_by("pk")
        found = list(runs.values_list("handoff__reference__external_id", "status"))
        for name, status in found:
            self.console.print(
                f"  {escape(name)}: [bold]{status}[/bold], as the store's retry rules have it for what is malformed"
            )
        return bool(found) and all(status == goes for _, status in found)

    def ask(self, corpus: Source) -> None:
        self.console.print(f"\n[bold]2. Ask[/bold]: {QUESTION}")
        show_hits(self.console, search(corpus.reflection, QUESTION, limit=1).hits)
        self.console.print(f"[bold]3. Who led the {TRUST}, and when[/bold]")
        show_facts(self.console, self.leaders(corpus), words=False)

    def leaders(self, corpus: Source, valid_at: str | None = None, known_at: str | None = None) -> Sequence[Known]:
        seen = view(corpus.reflection, valid_at=valid_at, known_at=known_at)
        return facts(corpus.reflection, about=TRUST, predicate="led_by", seen=seen)

    def arrivals(self, later: Source) -> bool:
        """Show how each document of the second folder fared; whether one was kept out and the other let in."""
        self.console.print("\n[bold]4. Two more documents arrive[/bold]: examples/later")
        runs = IngestRun.objects.filter(source=later).select_related("handoff__reference").order_by("pk")
        for run in runs:
            self.console.print(f"  {escape(run.handoff.reference.external_id)}: [bold]{run.status}[/bold]")
            for line in [] if run.status == "completed" else [*_claimed(run), *_failed(run)]:
                self.console.print(f"      {escape(line)}", highlight=False)
        return sorted(run.status for run in runs) == ["completed", "eval_rejected"]

    def compare(self, corpus: Source, known: int) -> bool:
        """Show what is and what was believed; whether the correction made a difference."""
        self.console.print(
            f"\n[bold]5. Who led it in {MOMENT}?[/bold] The corrigendum changed the answer, not the past:"
        )
        now, then = self.leaders(corpus, valid_at=MOMENT), self.leaders(corpus, valid_at=MOMENT, known_at=str(known))
        for title, found in (("as we know now", now), (f"as known at {known}, before", then)):
            self.console.print(f"  {title}:")
            show_facts(self.console, found)
        return [fact.object for fact in now] != [fact.object for fact in then]

    def take_back(self, later: Source, before: Sequence[str]) -> bool:
        """Revert what the second folder brought; whether the knowledge is what it was."""
        self.console.print("\n[bold]6. The letter was a forgery: take back what that folder brought[/bold]")
        brought = PatchBatch.objects.filter(source=later, status="applied")
        turned = revert(brought, by="demo", reason="the letter behind the radiator was a forgery")
        show_changes(self.console, turned.closed, turned.opened)
        after = list(export(later.reflection))
        same = "is byte for byte" if after == before else "is NOT"
        self.console.print(f"  the export of {len(after)} lines {same} what it was before the two documents came")
        return after == before

    def follow_links(self, notes: Source, report: Report) -> bool:
        """Show what leads to a note of the vault and from it; whether all of the vault came in."""
        self.console.print(
            f"\n[bold]7. An Obsidian vault beside it[/bold]: examples/vault. What is linked with [[{NOTE}]]?"
        )
        now = view(notes.reflection, valid_at=None, known_at=None)
        linked = facts(notes.reflection, predicate="links_to", seen=now)
        links = [link for link in linked if NOTE in (link.subject, link.object)]
        show_facts(self.console, links, words=False)
        self.console.print("  and the letter that a note links to:")
        letter = facts(notes.reflection, predicate="sent_to", seen=now)
        show_facts(self.console, letter)
        return bool(links and letter) and all(link.leads_to for link in links) and not report.failed


def keep_what_cannot_be_read() -> None:
    """Give an empty store one retry rule, as the admin does: what is malformed in a folder waits for a person.

    A store that has sources has the rules that somebody wants.
    """
    if Source.objects.exists():
        return
    with transaction.atomic():
        rule = RetryRule.objects.create(
            kind=DEFAULT, failure=Malformed.kind, attempts=1, then=RetryRule.Then.QUARANTINED
        )
        note(rule, Reason.ADDED, by="demo")


def _claimed(run: IngestRun) -> list[str]:
    """What the run's batch would have others believe of the trust."""
    claims = Patch.objects.filter(batch=run.batch_id, op=Patch.Op.ASSERT_FACT, payload__subject=TRUST)
    said = claims.order_by("n").values_list("payload", flat=True)
    return [f"it claims: {claim['subject']} {spoken(claim['predicate'])} {claim['object']}" for claim in said]


def _failed(run: IngestRun) -> list[str]:
    """Each check that the run's batch did not pass, in words."""
    verdict = Verdict.objects.filter(batch=run.batch_id).order_by("-pk").first()
    checks = verdict.checks if verdict else {}
    return [
        f"{spoken(name)}: {check.get('note') or check['value']}"
        for name, check in sorted(checks.items())
        if not check["passed"]
    ]
