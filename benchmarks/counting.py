"""SQL statements per stage and flight, counted at two flight sizes with the product's own stages and models."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import override_settings

from benchmarks.filling import fill
from benchmarks.report import Report
from ingestion import dispatch, flights, stages
from ledger import statements

BUDGET = 8
SIZES = (8, 64)


def count(report: Report) -> None:
    """Take a flight of each size through all stages in this process, and print what each stage asked the database."""
    stages.warm()
    for size in SIZES:
        report.statements[str(size)] = of_one_flight(size)
    small, large = (report.statements[str(size)] for size in SIZES)
    print(f"SQL statements per stage and flight, at {SIZES[0]} and {SIZES[1]} runs (budget ≤ {BUDGET} a stage):")
    for name in small:
        (few, few_ms), (many, many_ms) = small[name], large[name]
        print(f"  {name:>8} {few:3.0f} {many:3.0f}   {few_ms:7.1f} {many_ms:7.1f} ms in the database")
    counts = {name: numbers[0] for name, numbers in large.items() if name in stages.ORDER}
    over = {name: int(number) for name, number in counts.items() if number > BUDGET}
    constant = all(small[name][0] == large[name][0] for name in small)
    print(f"  constant: {'yes' if constant else 'NO'}; over the budget: {over or 'none'}", flush=True)


def of_one_flight(size: int) -> dict[str, list[float]]:
    """Statements, and milliseconds in them, of dispatch and each stage. A flight before it warms the connection up.

    BEGIN and COMMIT are not among them: each stage has two transactions.
    """
    fill(2 * size, text=lambda n: f"Ann Smith {n} has been the director of the Harbour Trust of Bay {n} since 2019.")
    with override_settings(FLIGHT_RUNS=size, OPEN_FLIGHTS=1):
        _one_flight()
        with _counted() as (found, stand_at):
            _one_flight(stand_at)
    return dict(found)


def _one_flight(stand_at: Callable[[str], None] = lambda _: None) -> None:
    stand_at("dispatch")
    dispatch.tick()
    stand_at("")
    [(flight_id,)] = statements.rows("SELECT max(id) FROM ingestion_flight WHERE status = 'open'")
    for stage in stages.ORDER:
        stand_at(stage)
        flights.advance(flight_id, stage, worker="benchmark")
    stand_at("")


@contextmanager
def _counted() -> Iterator[tuple[Mapping[str, list[float]], Callable[[str], None]]]:
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    place = [""]

    def note(execute: Callable[..., Any], *asked: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*asked)
        finally:
            if place[0]:
                found[place[0]][0] += 1
                found[place[0]][1] += 1000 * (time.perf_counter() - began)

    def stand_at(name: str) -> None:
        place[0] = name

    with connection.execute_wrapper(note):
        yield found, stand_at
