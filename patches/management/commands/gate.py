import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from handoffs.models import Reflection
from ledger.commands import FOUND, OperatorCommand, positive
from patches.evaluation.policy import BadPolicy, Policy, read
from patches.evaluation.replay import replay
from patches.moments import Unclear, period

SHOWN = 50


class Command(OperatorCommand):
    help = (
        "Ask what another policy would have made of what came in, by what the checks found then; nothing is judged "
        "again and nothing is written. Exit status: 0 the same, 2 bad usage or no such policy, 4 some would differ."
    )
    verbs = {"replay": "which past batches a policy would have decided on differently"}
    needs = {"replay": "patches.view_verdict"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--policy", metavar="FILE", help="the policy as JSON, as the console takes it")
        parser.add_argument("--since", metavar="DATE", help="what was judged from then on: 2026, 2026-05 or 2026-05-12")
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")
        parser.add_argument("--limit", type=positive, default=SHOWN, help=f"how many are listed (default: {SHOWN})")

    def replay(self, options: dict[str, Any]) -> None:
        policy = self.read(options["policy"])
        try:
            owner = Reflection.objects.get(name=options["reflection"])
            since = period(options["since"])[0] if options["since"] else None
        except Reflection.DoesNotExist:
            raise self.wrong(f"there is no reflection {options['reflection']!r}") from None
        except Unclear as unclear:
            raise self.wrong(str(unclear)) from None
        told = replay(owner.pk, policy, since=since)
        counts = {"looked_at": told.looked_at, "too_old": told.too_old, "differing": len(told.differing)}
        rows = [asdict(one) for one in told.differing]
        if options["json"]:
            shown = rows[: options["limit"]]
            self.object({**counts, "decisions": told.decisions, "batches": shown, "more": len(rows) > len(shown)})
        else:
            self.facts({**counts, **told.decisions})
            lists = ("kept_out", "let_in", "because")
            self.listed(
                "batches", [row | {key: ", ".join(map(str, row[key])) for key in lists} for row in rows], options
            )
        if rows:
            raise SystemExit(FOUND)

    def read(self, file: str | None) -> Policy:
        if not file:
            raise self.wrong("gate replay --policy FILE")
        try:
            return read(json.loads(Path(file).read_text(encoding="utf-8")), name=Path(file).stem)
        except BadPolicy as problem:
            raise self.wrong(f"{file}: {problem}") from None
        except (OSError, ValueError) as problem:
            raise self.wrong(f"{file}: {problem}") from None
