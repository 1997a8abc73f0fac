import json
from argparse import ArgumentParser
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from ledger import auditlog
from ledger.commands import FOUND, Reporting
from ledger.models import Event, Seal


class Command(Reporting):
    help = (
        "The log of every transition and every operator's deed, sealed by a chain of hashes. "
        "Exit status: 0 sound, 4 something was altered."
    )
    needs = {"verify": "ledger.view_event", "export": "ledger.view_event", "seal": "ledger.add_seal"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = "verify: compute every seal again; seal: seal now; export: every event and seal, a JSON object a line"
        parser.add_argument("verb", choices=["verify", "seal", "export"], help=verbs)
        super().add_arguments(parser)
        parser.add_argument("--digest", default="", help="verify: the last digest, as it was noted elsewhere before")

    def handle(self, *_: Any, verb: str, **options: Any) -> None:
        getattr(self, verb)(options)

    def seal(self, options: dict[str, Any]) -> None:
        sealed = auditlog.seal()
        if options["json"]:
            self.object({"sealed": sealed})
        else:
            self.stdout.write(f"{sealed} events sealed")

    def verify(self, options: dict[str, Any]) -> None:
        found = auditlog.verify()
        known = not options["digest"] or Seal.objects.filter(digest=options["digest"]).exists()
        sound = known and not found.broken
        if options["json"]:
            self.object({"sound": sound, "digest_is_known": known, **asdict(found)})
        else:
            told = {"seals": found.seals, "events": found.events, "not_sealed_yet": found.unsealed}
            self.facts({**told, "last_digest": found.digest})
            if found.broken:
                self.table([asdict(one) for one in found.broken])
            if not known:
                self.stdout.write("No seal has the digest that was noted: the chain was made anew.")
            self.stdout.write("Sound." if sound else "ALTERED.")
        if not sound:
            raise SystemExit(FOUND)

    def export(self, options: dict[str, Any]) -> None:  # noqa: ARG002
        seals = iter(Seal.objects.order_by("until").values().iterator())
        next_seal = next(seals, None)
        for event in Event.objects.order_by("at", "id").values().iterator():
            while next_seal is not None and event["at"] >= next_seal["until"]:
                self._line("seal", next_seal)
                next_seal = next(seals, None)
            self._line("event", event)
        while next_seal is not None:
            self._line("seal", next_seal)
            next_seal = next(seals, None)

    def _line(self, kind: str, row: Mapping[str, Any]) -> None:
        self.stdout.write(json.dumps({"kind": kind, **row}, cls=DjangoJSONEncoder, ensure_ascii=False))
