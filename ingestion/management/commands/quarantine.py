from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from ingestion.management.selecting import SHOWN, add_filters, meant, narrowed, page
from ingestion.models import IngestRun
from ingestion.quarantine import discard, groups
from ingestion.releasing import release
from ledger.commands import OperatorCommand, operator

LOOK, DEED = "ingestion.view_quarantine", "ingestion.change_ingestrun"


class Command(OperatorCommand):
    help = (
        "Look at the runs that wait for a person, in groups that failed the same way; send them back to work or give "
        "them up. Exit status: 0 done, 1 some could not, 2 bad usage or no such run."
    )
    verbs = {
        "list": "the groups, the largest first; with --runs each run",
        "show": "the cause of one run, with where a bug was raised",
        "release": "back to work: the oldest of each group goes first, the others follow if it does well",
        "discard": "give them up; needs --why",
    }
    needs = {"list": LOOK, "show": LOOK, "release": DEED, "discard": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_filters(parser, ["quarantined"])
        parser.add_argument("--runs", action="store_true", help="list each run, not the groups")
        parser.add_argument("--no-probe", action="store_true", help="release all at once")
        parser.add_argument(
            "--why", default="", metavar="WORDS", help="why they are released or given up; kept with them"
        )

    def list(self, options: dict[str, Any]) -> None:
        waiting = IngestRun.objects.filter(status="quarantined")
        if options["runs"]:
            rows = page(waiting.select_related("source__reflection", "handoff__reference", "quarantine"), options)
            self.listed("runs", [line(run) for run in rows], options)
            return
        options["limit"] = options["limit"] or SHOWN
        found = groups(narrowed(waiting, options))
        self.listed("groups", [asdict(group) for group in found[: options["limit"] + 1]], options)

    def show(self, options: dict[str, Any]) -> None:
        related = ("source__reflection", "handoff__reference", "quarantine")
        found = IngestRun.objects.select_related(*related).filter(pk__in=options["ids"], quarantine__isnull=False)
        if not options["ids"] or len(found) < len(set(options["ids"])):
            raise self.wrong("give the ids of runs that are or were in quarantine")
        told = [line(run) | whole(run) for run in found.order_by("pk")]
        if options["json"]:
            self.object({"runs": told})
            return
        for run in told:
            trace = run.pop("traceback")
            self.facts(run)
            self.stdout.write(trace)

    def release(self, options: dict[str, Any]) -> None:
        chosen, missing = meant(IngestRun.objects.all(), options, {"quarantined"})
        how = {"probe": not options["no_probe"], "why": options["why"].strip(), "dry_run": options["dry_run"]}
        told = release(chosen, by=operator(), **how)
        self.tell(missing + told, options)

    def discard(self, options: dict[str, Any]) -> None:
        if not options["why"].strip():
            raise self.wrong("say why: --why WORDS")
        chosen, missing = meant(IngestRun.objects.all(), options, {"quarantined"})
        told = discard(chosen, options["why"].strip(), by=operator(), dry_run=options["dry_run"])
        self.tell(missing + told, options)


def line(run: IngestRun) -> dict[str, Any]:
    known = run.quarantine
    return {
        "id": run.pk,
        "fingerprint": known.fingerprint,
        "stage": known.stage,
        "failure": known.failure,
        "reason": run.reason,
        "source": str(run.source),
        "item": run.handoff.reference.external_id,
        "times": known.times,
        "follows": known.follows_id,
        "last_at": known.last_at,
    }


def whole(run: IngestRun) -> dict[str, Any]:
    known = run.quarantine
    return {
        "status": run.status,
        "detail": run.detail,
        "exception": known.exception,
        "note": known.note,
        "first_at": known.created_at,
        "traceback": known.traceback,
    }
