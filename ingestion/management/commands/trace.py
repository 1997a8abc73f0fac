from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from ingestion.asking import facts, reflection, view
from ingestion.management.of_what import add_selection, selection
from ingestion.tracing import Origin, origins
from ledger.commands import SOME_COULD_NOT, Reporting, positive
from patches.faces import show_facts
from patches.facts import Known
from patches.facts import facts as known_facts
from patches.models import PatchBatch
from patches.moments import Unclear
from patches.resting import Resting, resting_on

SHOWN = 20


class Command(Reporting):
    help = (
        "Follow facts back to the bytes that they were read from (--fact, --about), or a batch, source, payload or "
        "recipe to all that rests on it. Exit status: 0 found, 1 nothing, 2 what was asked for is not there."
    )
    needs = {"": "patches.view_patchbatch"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        add_selection(parser)
        parser.add_argument("--about", metavar="ENTITY", help="the facts about a person, organisation, place, document")
        parser.add_argument("--predicate", help="with --about: of this kind only")
        parser.add_argument("--valid-at", metavar="DATE", help="with --about: what held then")
        parser.add_argument("--reflection", default="main", help="with --about: the knowledge base (default: main)")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"how many are listed (default: {SHOWN})")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            if options["about"] or options["fact"]:
                self.back(options)
            else:
                self.forth(options)
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None

    def back(self, options: dict[str, Any]) -> None:
        """From facts to bytes."""
        traced = [found for id_ in self.asked(options) if (found := origins(id_))]
        if options["fact"] and not traced:
            raise Unclear(f"there is no fact {options['fact']}")
        if options["json"]:
            told = [{"fact": asdict(known), "origins": [asdict(one) for one in found]} for known, found in traced]
            self.object({"traced": told})
        else:
            for known, where in traced:
                self.show(known, where, options["limit"])
        if not traced:
            raise SystemExit(SOME_COULD_NOT)

    def asked(self, options: dict[str, Any]) -> list[int]:
        if options["fact"]:
            return [options["fact"]]
        owner = reflection(options["reflection"])
        seen = view(owner, valid_at=options["valid_at"], known_at=None)
        limit = options["limit"]
        found = facts(owner, about=options["about"], predicate=options["predicate"], seen=seen, limit=limit)
        return [fact.id for fact in found]

    def show(self, known: Known, found: list[Origin], limit: int) -> None:
        self.stdout.write(f"fact {known.id}")
        show_facts(self.console, [known], history=True, words=False)
        for one in found[:limit]:
            self.console.print(f"  “{escape(' '.join(one.quote.split()))}”", highlight=False, soft_wrap=True)
            for line in _lines(one):
                self.console.print(f"     {escape(line)}", highlight=False, soft_wrap=True)
        if len(found) > limit:
            self.stdout.write(f"cut at {limit} of {len(found)}: --limit {len(found)}")

    def forth(self, options: dict[str, Any]) -> None:
        """From what was ingested to what rests on it."""
        batches = list(selection(options).meant())
        found = resting_on([batch.pk for batch in batches])
        if options["json"]:
            self.object({"counts": found.counts(), **_listing(batches, found, options["limit"])})
        else:
            self.facts(found.counts())
            listing = _listing(batches, found, options["limit"])
            self.table(listing["batches"], "\nBatches, the first of them:")
            self.table(listing["facts"], "\nFacts, first those that nothing else supports:")
        if not batches:
            raise SystemExit(SOME_COULD_NOT)


def _lines(one: Origin) -> list[str]:
    stands = "verbatim" if one.verbatim else "NOT FOUND THERE"
    where = f"passage {one.passage['id']}" if one.passage else "no passage"
    lines = [
        f"characters {one.start} to {one.end} of the text, {stands} in {where}",
        f"batch {one.batch['id']}, {one.batch['status']}, content {one.batch['content_hash'][:12]}, "
        f"pipeline {one.batch['recipe'][:12]}",
    ]
    for item in one.items:
        still = "" if item["carries"] else ", until it changed or went"
        lines.append(
            f"{item['item']} of {item['source']} ({item['kind']}), payload {item['payload'][:12]}, "
            f"{item['size_bytes']:,} bytes{still}"
        )
    for run in one.runs:
        recipes = ", ".join(f"{stage} {recipe}" for stage, recipe in run["recipes"].items())
        lines.append(f"run {run['run']}, {run['status']}: {recipes}")
    return lines


def _listing(batches: list[PatchBatch], found: Resting, limit: int) -> dict[str, Any]:
    alone = set(found.alone)
    first = sorted(found.facts, key=lambda id_: (id_ not in alone, id_))[:limit]
    owners = sorted({batch.reflection_id for batch in batches})
    told = sorted(
        (fact for owner in owners for fact in known_facts(owner, ids=first, evidence=0)),
        key=lambda fact: first.index(fact.id),
    )
    return {
        "batches": [
            {"id": batch.pk, "status": batch.status, "title": batch.title, "content": batch.content_hash[:12]}
            for batch in batches[:limit]
        ],
        "facts": [
            {
                "id": fact.id,
                "subject": fact.subject,
                "says": fact.label,
                "object": fact.object,
                "from": fact.valid_from,
                "to": fact.valid_to,
                "nothing_else_says_so": fact.id in alone,
            }
            for fact in told
        ],
        "more": len(batches) > limit or len(found.facts) > limit,
    }
