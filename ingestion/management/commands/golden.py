import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from handoffs.models import Reflection
from ingestion.asking import reflection
from ingestion.golden import Asked, K, add, remove, run, take_in
from ledger.commands import FOUND, SOME_COULD_NOT, OperatorCommand, operator, positive
from ledger.failures import Failure
from patches.models import GoldenQuestion
from patches.moments import Unclear

LOOK, DEED = "patches.view_goldenquestion", "patches.change_goldenquestion"


class Command(OperatorCommand):
    help = (
        "Keep the questions that a reflection has to go on answering: the gate asks them before it lets a document in. "
        "Exit status: 0 done, 1 some could not, 2 bad usage, 4 run found one that is not answered as expected."
    )
    verbs = {
        "add": "put one down, or change what it expects",
        "list": "all of them, with what they expect",
        "run": "ask them of the store as it is",
        "import": "from a file: JSON, a list as list --json shows it, or one object a line",
        "remove": "by id or words",
    }
    needs = {"list": LOOK, "run": LOOK, "add": DEED, "import": DEED, "remove": DEED}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("what", nargs="*", metavar="WHAT", help="the question's words, its id, or a file")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--document", action="append", default=[], metavar="ITEM", help="that has to be found")
        parser.add_argument(
            "--fact",
            action="append",
            default=[],
            metavar="FACT",
            help="that has to hold: “subject; predicate; object”, or with a fourth part at a date",
        )
        parser.add_argument("--first", type=positive, default=K, metavar="K", help=f"among so many passages ({K})")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        try:
            owner = reflection(options["reflection"])
            getattr(self, f"do_{verb}")(owner, options)
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        except Failure as failure:
            raise self.wrong(f"the model that SLUICEGATE_EMBEDDINGS names: {failure.reason.label}") from failure

    def do_add(self, owner: Reflection, options: dict[str, Any]) -> None:
        facts = [_fact(said) for said in options["fact"]]
        told = {"documents": options["document"], "facts": facts, "k": options["first"]}
        if options["dry_run"]:
            raise self.wrong("--dry-run is for import and remove")
        made = add(owner, " ".join(options["what"]), by=operator(), **told)
        self._show([made], options)

    def do_list(self, owner: Reflection, options: dict[str, Any]) -> None:
        self._show(list(GoldenQuestion.objects.filter(reflection=owner).order_by("pk")), options)

    def do_import(self, owner: Reflection, options: dict[str, Any]) -> None:
        if len(options["what"]) != 1:
            raise self.wrong("golden import FILE")
        try:
            rows = _rows(Path(options["what"][0]).read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise self.wrong(f"{options['what'][0]}: {problem}") from None
        self._show(take_in(owner, rows, by=operator(), dry_run=options["dry_run"]), options)

    def do_remove(self, owner: Reflection, options: dict[str, Any]) -> None:
        words = " ".join(options["what"])
        which = {"pk__in": options["what"]} if words.replace(" ", "").isdecimal() else {"question": words}
        found = GoldenQuestion.objects.filter(reflection=owner, **which)
        rows = remove(found, by=operator(), dry_run=options["dry_run"])
        self._show(rows, options)
        if not rows:
            raise SystemExit(SOME_COULD_NOT)

    def do_run(self, owner: Reflection, options: dict[str, Any]) -> None:
        done = run(owner)
        if options["json"]:
            asked = [vars(one) for one in done.asked]
            self.object({"recall": done.recall, "reciprocal_rank": done.reciprocal, "asked": asked})
        else:
            self.table([_line(one) for one in done.asked])
            if done.recall is not None and done.reciprocal is not None:
                self.facts({"recall": f"{done.recall:.3f}", "reciprocal_rank": f"{done.reciprocal:.3f}"})
        if done.failing:
            raise SystemExit(FOUND)

    def _show(self, rows: list[GoldenQuestion], options: dict[str, Any]) -> None:
        if options["json"]:
            self.object({"questions": [{"id": one.pk, **_told(one)} for one in rows]})
            return
        self.table(
            [
                {
                    "id": one.pk,
                    "question": one.question,
                    "expects": "; ".join([*one.documents, *(_spoken(said) for said in one.facts)]),
                    "first": one.k,
                }
                for one in rows
            ]
        )


def _fact(said: str) -> dict[str, Any]:
    parts = [part.strip() for part in said.split(";")]
    if len(parts) not in (3, 4) or not all(parts):
        raise Unclear(f"{said!r} is no fact: give “subject; predicate; object”, or a fourth part, a date")
    return dict(zip(("subject", "predicate", "object", "at"), parts, strict=False))


def _rows(text: str) -> list[Any]:
    """A list, an object with “questions”, or an object a line."""
    try:
        told = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(told, dict):
        told = told.get("questions", [told])
    return told if isinstance(told, list) else [told]


def _told(one: GoldenQuestion) -> dict[str, Any]:
    facts = [{key: said[key] for key in ("subject", "predicate", "object", "at")} for said in one.facts]
    return {"question": one.question, "documents": one.documents, "facts": facts, "k": one.k}


def _spoken(said: dict[str, Any]) -> str:
    return "; ".join(filter(None, (said["subject"], said["predicate"], said["object"], said["at"])))


def _line(one: Asked) -> dict[str, Any]:
    return {
        "id": one.id,
        "question": one.question,
        "recall": "" if one.recall is None else f"{one.recall:.2f}",
        "1/rank": "" if one.reciprocal is None else f"{one.reciprocal:.2f}",
        "missing": "; ".join(one.missing),
    }
