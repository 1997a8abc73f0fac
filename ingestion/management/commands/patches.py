from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from django.db.models import QuerySet

from ingestion.judging import would_change
from ingestion.management.selecting import add_filters, meant, page
from ingestion.management.turning import tell as tell_turned
from ingestion.reviewing import Unclear, approve, reject
from ledger.commands import SOME_COULD_NOT, OperatorCommand, operator, spoken
from ledger.deeds import Answer
from patches.differences import made
from patches.faces import show_difference
from patches.lifecycles import BATCH
from patches.models import PatchBatch, Verdict
from patches.revert import revert

LOOK, DEED = "patches.view_patchbatch", "patches.change_patchbatch"


class Command(OperatorCommand):
    help = (
        "Look at batches of patches and what the gate says of them; decide on those in review; take applied ones back. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such batch."
    )
    verbs = {
        "list": "in order of id",
        "show": "all of it: its patches, its verdicts with each check that failed",
        "diff": "what it changed when it was applied, or would change now: facts that end, begin, are confirmed",
        "approve": "let in what waits for a person, judged again as the store is now; needs --why",
        "reject": "keep out what waits for a person, for good; needs --why",
        "revert": "take back what was applied; needs --why. `revert` asks first, and takes more selections",
    }
    needs = {"list": LOOK, "show": LOOK, "diff": LOOK, "approve": DEED, "reject": DEED, "revert": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_filters(parser, sorted(BATCH.states), of_runs=False)
        parser.add_argument("--why", default="", metavar="WORDS", help="why a person decides so; kept with the verdict")
        parser.add_argument(
            "--without", type=int, action="append", default=[], metavar="N", help="approve: this patch stays out"
        )

    def list(self, options: dict[str, Any]) -> None:
        rows = page(PatchBatch.objects.select_related("source__reflection", "reflection"), options)
        self.listed("batches", [line(batch) for batch in rows], options)

    def show(self, options: dict[str, Any]) -> None:
        told = [whole(batch) for batch in self.named(options)]
        if options["json"]:
            self.object({"batches": told})
            return
        for batch in told:
            patches, verdicts = batch.pop("patches"), batch.pop("verdicts")
            self.facts(batch)
            self.table(patches, "\nPatches:")
            self.table(
                [one | {"failed": "; ".join(one["failed"])} for one in verdicts], "\nVerdicts, the latest first:"
            )

    def diff(self, options: dict[str, Any]) -> None:
        told, untold = [], False
        for batch in self.named(options):
            found = made(batch) or ((now := would_change(batch.pk)) and now[1])
            untold |= found is None
            told.append({**line(batch), "happened": batch.lives.exists(), "changes": found and asdict(found)})
            if not options["json"]:
                self.stdout.write(f"batch {batch.pk}, {batch.status}: {batch.title}")
                if found:
                    show_difference(self.console, found)
                else:
                    self.stdout.write("its text is not there any more, so nobody can say")
        if options["json"]:
            self.object({"batches": told})
        if untold:
            raise SystemExit(SOME_COULD_NOT)

    def approve(self, options: dict[str, Any]) -> None:
        self.decided(approve, options, without=options["without"])

    def reject(self, options: dict[str, Any]) -> None:
        self.decided(reject, options)

    def decided(self, deed: Callable[..., Answer], options: dict[str, Any], **more: Any) -> None:
        why = self.words(options)
        chosen, missing = meant(PatchBatch.objects.all(), options, {"in_review"})
        try:
            done = deed(chosen, why, by=operator(), dry_run=options["dry_run"], **more)
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        self.tell(missing + done, options)

    def revert(self, options: dict[str, Any]) -> None:
        why = self.words(options)
        chosen, missing = meant(PatchBatch.objects.all(), options, {"applied", "superseded"})
        # by id: what is meant does not change while some of it changes
        rows = PatchBatch.objects.filter(pk__in=list(chosen.values_list("pk", flat=True)))
        turned = revert(rows, by=operator(), reason=why, dry_run=options["dry_run"])
        turned = replace(turned, batches=missing + turned.batches)
        tell_turned(self, turned, options, planned=options["dry_run"])
        if turned.batches.refused:
            raise SystemExit(SOME_COULD_NOT)

    def words(self, options: dict[str, Any]) -> str:
        why: str = options["why"].strip()
        if not why:
            raise self.wrong("say why: --why WORDS")
        return why

    def named(self, options: dict[str, Any]) -> QuerySet[PatchBatch]:
        related = ("source__reflection", "reflection")
        found = PatchBatch.objects.select_related(*related).filter(pk__in=options["ids"]).order_by("pk")
        if not options["ids"] or len(found) < len(set(options["ids"])):
            raise self.wrong("give the ids of batches that are there")
        return found


def line(batch: PatchBatch) -> dict[str, Any]:
    return {
        "id": batch.pk,
        "status": batch.status,
        "reason": batch.reason,
        "source": str(batch.source or f"{batch.reflection}, a person's order"),
        "title": batch.title,
        "since": batch.since,
    }


def whole(batch: PatchBatch) -> dict[str, Any]:
    return {
        **line(batch),
        "created_at": batch.created_at,
        "content_hash": batch.content_hash,
        "recipe": batch.recipe,
        "digest": batch.digest,
        "patches": [patch_line(*row) for row in batch.patches.order_by("n").values_list("n", "op", "payload")],
        "verdicts": [verdict_line(verdict) for verdict in batch.verdicts.order_by("-pk")],
    }


def patch_line(n: int, op: str, said: dict[str, Any]) -> dict[str, Any]:
    what = f"{len(said['spans'])} passages" if "spans" in said else f"{said.get('name')} is {said.get('into_name')}"
    if "predicate" in said:
        what = f"{said['subject']} {spoken(said['predicate'])} {said['object']}"
    when = f"{said.get('from') or ''}..{said.get('to') or ''}".strip(".")
    return {"n": n, "op": op, "says": what, "when": when, "quote": said.get("quote", "")}


def verdict_line(verdict: Verdict) -> dict[str, Any]:
    checks = verdict.checks.items()
    failed = [f"{name}: {check.get('note') or check['value']}" for name, check in checks if not check["passed"]]
    return {
        "at": verdict.at,
        "decision": verdict.decision,
        "by": verdict.by,
        "why": verdict.why,
        "policy": verdict.policy,
        "rejected": verdict.rejected,
        "held": verdict.held,
        "failed": failed,
    }
