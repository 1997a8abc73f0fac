from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ingestion import profiling
from ingestion.connectors import CONNECTORS
from ingestion.profiling import Profiled
from ledger.commands import FOUND, Reporting, cell
from ledger.rendering import duration, size


class Command(Reporting):
    help = (
        "Show what each kind of connector is declared to take of the system, what its flights of the last days were "
        "measured to take, and what to raise or lower where the two part. "
        "Exit status: 0 they agree, 2 bad usage, 4 there is advice."
    )
    needs = {"": "ingestion.view_ingestrun"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("kinds", nargs="*", metavar="KIND", help="of connector; all where none is named")

    def handle(self, *_: Any, kinds: Sequence[str], **options: Any) -> None:
        if unknown := [kind for kind in kinds if kind not in CONNECTORS]:
            raise self.wrong(f"no connector {unknown[0]!r}; there are {', '.join(CONNECTORS)}")
        found = profiling.of_kinds(kinds or tuple(CONNECTORS))
        machine = profiling.machine()
        wide = machine.advice(found)
        if options["json"]:
            told = [{**asdict(one), "advice": one.advice} for one in found]
            self.object({"machine": asdict(machine), "advice": wide, "profiles": told})
        else:
            self.facts(
                {
                    "CPUs": machine.cpus,
                    "memory": size(machine.memory_bytes),
                    "worker processes": f"{machine.workers} ({machine.usual_workers} if nobody says)",
                }
            )
            self.advise(wide)
            for one in found:
                self.tell_of(one)
        if wide or any(one.advice for one in found):
            raise SystemExit(FOUND)

    def tell_of(self, one: Profiled) -> None:
        limits = one.declared
        rate = f", {limits.rate_per_s:g} runs/s" if limits.rate_per_s else ""
        self.stdout.write(
            f"\n{one.kind}: {limits.flights} flights, {limits.flights_per_source} per source, each of "
            f"{limits.flight_runs} runs and {size(limits.flight_bytes)}; {size(limits.memory_bytes)} of memory, "
            f"{duration(limits.stage_s)} a stage{rate}"
        )
        if one.stages:
            self.table([{"stage": stage, **_told(seen)} for stage, seen in one.stages.items()])
        self.advise(one.advice)

    def advise(self, advice: Sequence[str]) -> None:
        for line in advice:
            self.stdout.write(f"→ {cell(line)}")


def _told(seen: profiling.AtStage) -> dict[str, str | int]:
    return {
        "visits": seen.visits,
        "memory p95": size(seen.peak_bytes),
        "took p95": duration(seen.took_s),
        "waited p95": duration(seen.waited_s),
        "runs p95": seen.runs,
        "bytes p95": size(seen.size_bytes),
        "CPU busy": f"{seen.busy:.0%}",
    }
