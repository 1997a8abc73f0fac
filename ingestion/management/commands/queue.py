from dataclasses import asdict
from typing import Any

from ingestion.depths import queue
from ledger.commands import Reporting


class Command(Reporting):
    help = (
        "What waits, what is in the air, and what does not move: starved sources could go and have no turn, stuck "
        "flights have no worker that answers. Exit status: 0."
    )
    needs = {"": "ingestion.view_ingestrun"}

    def handle(self, *_: Any, **options: Any) -> None:
        found = queue()
        starved = [line.source for line in found.starved]
        stuck = [flight.flight for flight in found.stuck]
        if options["json"]:
            self.object({**asdict(found), "starved": starved, "stuck": stuck})
            return
        self.table([asdict(depth) for depth in found.depths], "By status and priority (0 is the highest):")
        caps = ", ".join(f"{kind} {limit}" for kind, limit in found.caps.items())
        self.table([asdict(flight) for flight in found.flights], f"\nFlights in the air (may be open: {caps}):")
        self.table([asdict(line) for line in found.sources], "\nSources with work, the longest waiting first:")
        self.stdout.write(f"\nstarved: {', '.join(starved) or 'none'}")
        self.stdout.write(f"stuck:   {', '.join(map(str, stuck)) or 'none'}")
