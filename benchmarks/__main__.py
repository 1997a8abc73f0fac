"""`python -m benchmarks`: measure, print figures and ratios, keep them in a file. README.md says what is measured."""

import os
import signal
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Report

RESULTS = Path(__file__).resolve().parent / "results"
MEASUREMENTS = (
    "orchestration",
    "statements",
    "pipeline",
    "claims",
    "fairness",
    "asof",
    "recall",
    "changes",
    "gate",
    "watch",
    "admin",
    "memory",
)


def parsed() -> Namespace:
    parser = ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small numbers: shows that it works, not how fast")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="this measurement; may be repeated")
    parser.add_argument("--handoffs", type=int, metavar="N", help="orchestration: runs (default: 20000, short 500)")
    parser.add_argument("--concurrency", type=int, default=2, help="orchestration: worker processes (default: 2)")
    parser.add_argument("--folder", type=Path, help="pipeline: what to ingest (default: texts of this machine)")
    parser.add_argument("--files", type=int, default=600, metavar="N", help="pipeline: texts to take (default: 600)")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of each comparison (default: 2, short 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to keep the figures in")
    options = parser.parse_args()
    options.handoffs = options.handoffs or (500 if options.short else 20_000)
    options.repetitions = options.repetitions or (1 if options.short else 2)
    return options


def main() -> None:
    options = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # stopped by a time limit, it still stops its servers
    with tempfile.TemporaryDirectory(prefix="sluicegate-bench-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o755)  # the servers may run as another user
        # A measurement empties the store: it has servers of its own, whatever the surroundings name.
        for name in ("DATABASE_URL", "REDIS_URL", "DATABASE_URL_FILE", "REDIS_URL_FILE"):
            os.environ.pop(name, None)
        os.environ["SLUICEGATE_STATE_DIR"] = folder
        os.environ["SLUICEGATE_LOG_LEVEL"] = "WARNING"
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

        from config import embedded, serving  # noqa: PLC0415  once the state folder is named

        try:
            with embedded.running(state):
                serving.migrate()
                measure(options)
        finally:
            embedded.discard(state)


def measure(options: Namespace) -> None:
    from benchmarks.report import Report  # noqa: PLC0415  once Django is set up

    report = Report(vars(options))
    table = measurements(report, options)
    for name in options.only or MEASUREMENTS:
        table[name]()
    print(f"kept in {report.save(options.results)}")


def measurements(report: "Report", options: Namespace) -> Mapping[str, Callable[[], None]]:
    # once Django is set up
    from benchmarks import (  # noqa: PLC0415
        admin,
        asof,
        changes,
        claims,
        counting,
        fairness,
        gate,
        memory,
        orchestration,
        pipeline,
        recall,
        watching,
    )

    short = options.short
    folder = options.folder or (pipeline.CORPUS if short else pipeline.texts(options.files))
    return {
        "orchestration": lambda: orchestration.compare(
            report, handoffs=options.handoffs, concurrency=options.concurrency, repetitions=options.repetitions
        ),
        "statements": lambda: counting.count(report),
        "pipeline": lambda: pipeline.compare(report, folder.resolve(), repetitions=options.repetitions),
        "claims": lambda: claims.measure(report, waiting=20_000 if short else 1_000_000, ticks=50 if short else 500),
        "fairness": lambda: fairness.measure(
            report, noise=5_000 if short else 100_000, concurrency=options.concurrency
        ),
        "asof": lambda: asof.measure(
            report, versions=20_000 if short else 1_000_000, questions=200 if short else 2_000
        ),
        "recall": lambda: recall.measure(report, passages=5_000 if short else 100_000, questions=50 if short else 300),
        "changes": lambda: changes.measure(report, rounds=2 if short else 10),
        "gate": lambda: gate.measure(report, rounds=2 if short else 10),
        "watch": lambda: watching.measure(report, edits=3 if short else 60),
        "admin": lambda: admin.measure(report, **({"runs": 2_000, "rounds": 1, "most": 10} if short else admin.WHOLE)),
        "memory": lambda: memory.measure(report, requests=60 if short else 6_000, flights=20 if short else 600),
    }


if __name__ == "__main__":
    main()
