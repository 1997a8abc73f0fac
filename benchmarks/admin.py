"""How long the console's pages take when a million runs lie in the store: every link that a list offers of itself."""

import os
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.urls import reverse

from benchmarks.crowded import fill
from benchmarks.effort import ran_ms, waited_ms
from benchmarks.filling import empty
from benchmarks.report import Report
from console.overview import RANGES
from handoffs.models import Handoff, Reference, Source
from ingestion.models import Flight, IngestRun, Quarantine, RunStatus
from ledger import rendering, statements
from ledger.listing import Listing
from ledger.models import Event
from patches.models import Entity, Fact, PatchBatch

BUDGET_MS = 300.0
WHOLE = {"runs": 1_000_000, "rounds": 3, "most": 1_000}
SEED = 1
TOGETHER = 60  # pairs of filters that are tried
OFFERED = re.compile(r'href="\?([^"]*)"')
# A row of each that has a page worth opening; of runs one of every status.
OPENED = (Handoff, Reference, Source, Flight, Quarantine, Event, PatchBatch, Entity, Fact)


@dataclass
class Looks:
    """Milliseconds of the looks at one kind of page. `own` is without the wait for a CPU, `cpu` and `sql` are of it."""

    wall: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    sql: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    slowest: str = ""

    def summed_up(self) -> dict[str, Any]:
        return {
            "looks": len(self.wall),
            "p50_ms": _at(self.wall, 0.5),
            "p95_ms": _at(self.wall, 0.95),
            "own_p95_ms": _at(self.own, 0.95),
            "cpu_p95_ms": _at(self.cpu, 0.95),
            "sql_p95_ms": _at(self.sql, 0.95),
            "statements": max(self.statements),
            "slowest": self.slowest,
            "slowest_ms": max(self.own),
        }


class Operator:
    """Somebody with a browser, who may see everything."""

    def __init__(self) -> None:
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the console warns of one that is missing
        self.client = Client(SERVER_NAME="localhost")
        user, _ = get_user_model()._default_manager.get_or_create(username="bench", is_staff=True, is_superuser=True)
        self.client.force_login(user)
        [(backend,)] = statements.rows("SELECT pg_backend_pid()")
        self.processes = (os.getpid(), backend)
        self.looks: dict[str, Looks] = defaultdict(Looks)

    def look(self, kind: str, address: str) -> str:
        """Ask for the page and keep how long that took; what nobody asked before is not remembered from before."""
        caches["process"].clear()
        with _asked() as asked:
            began, ran, waited = time.perf_counter(), ran_ms(self.processes), waited_ms(self.processes)
            answer = self.client.get(address)
            wall = 1000 * (time.perf_counter() - began)
            own = wall - (waited_ms(self.processes) - waited)
            cpu = ran_ms(self.processes) - ran
        if answer.status_code != 200:
            raise SystemExit(f"{address} answers {answer.status_code}: the measurement is void")
        seen = self.looks[kind]
        if own > max(seen.own, default=0):
            seen.slowest = address
        for name, value in {"wall": wall, "own": own, "cpu": cpu, "sql": sum(asked), "statements": len(asked)}.items():
            getattr(seen, name).append(value)
        return str(answer.content.decode())


@contextmanager
def _asked() -> Iterator[list[float]]:
    """The milliseconds of each statement of the block."""
    took: list[float] = []

    def timed(execute: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            took.append(1000 * (time.perf_counter() - began))

    with connection.execute_wrapper(timed):
        yield took


def measure(report: Report, *, runs: int, rounds: int, most: int) -> None:
    """Fill the store, look at each page `rounds` times in an order of chance, and leave the store empty.

    Of each kind at most `most` pages are looked at.
    """
    began = time.perf_counter()
    try:
        fill(runs)
        print(f"admin: {runs} runs, filled in {time.perf_counter() - began:.0f} s", flush=True)
        operator = Operator()
        pages = _pages(operator, runs)
        operator.looks.clear()  # those that found the addresses came first, and warmed up
        random.Random(SEED).shuffle(pages)  # noqa: S311  a seed, not a secret
        for kind, address in pages * rounds:
            if len(operator.looks[kind].wall) < most * rounds:
                operator.look(kind, address)
    finally:
        empty()
    report.admin = {"runs": runs, "kinds": {kind: seen.summed_up() for kind, seen in operator.looks.items()}}
    _tell(report.admin["kinds"])


def _tell(kinds: dict[str, Any]) -> None:
    print(f"  {'ms':11} looks   p50   p95  p95 own   cpu   sql  statements  the slowest by its own time")
    for kind, seen in kinds.items():
        print(
            f"  {kind:11} {seen['looks']:5} {seen['p50_ms']:5.0f} {seen['p95_ms']:5.0f} {seen['own_p95_ms']:8.0f}"
            f" {seen['cpu_p95_ms']:5.0f} {seen['sql_p95_ms']:5.0f} {seen['statements']:11}"
            f"  {seen['slowest_ms']:.0f} {seen['slowest']}",
            flush=True,
        )
    worst = max(seen["p95_ms"] for seen in kinds.values())
    own = max(seen["own_p95_ms"] for seen in kinds.values())
    verdict = "met" if worst <= BUDGET_MS else "MISSED"
    print(
        f"  p95 of the slowest kind {worst:.0f} ms (budget ≤ {BUDGET_MS:g}: {verdict}); "
        f"less the wait for a CPU {own:.0f} ms",
        flush=True,
    )


def _pages(operator: Operator, runs: int) -> list[tuple[str, str]]:
    """Every page to be looked at, by its kind."""
    found = [("home", f"{reverse('admin:index')}?range={name}") for name in RANGES]
    found += [("groups", reverse("admin:ingestion_quarantine_groups"))]
    for page in admin.site._registry.values():
        if isinstance(page, Listing):
            found += _of_list(operator, page, _terms(runs))
    rows: list[Any] = [model._default_manager.last() for model in OPENED]
    rows += [IngestRun.objects.filter(status=status).last() for status in RunStatus.values]
    return found + [("row", rendering.page(row)) for row in rows if row]


def _terms(runs: int) -> list[str]:
    """What people search for: a number, an id, the start of a hash, of a name; and what is not there."""
    [(uuid, payload)] = statements.rows("SELECT id, seen_payload_id FROM handoffs_reference ORDER BY id LIMIT 1")
    return [str(runs // 2), f"run {runs // 2}", str(uuid), payload[:12], "folder-17/item-1", "organization 1", "zzz"]


def _of_list(operator: Operator, page: Listing[Any], terms: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The list, what it offers of itself, and some of what that offers in turn."""
    address = reverse(f"admin:{page.model._meta.app_label}_{page.model._meta.model_name}_changelist")
    yield "list", address
    offered = _offered(operator, address)
    for query in offered:
        yield _kind(query), f"{address}?{query}"
    filters = [query for query in offered if _kind(query) == "filter"]
    pairs = [f"{one}&{other}" for one in filters for other in filters if one.split("=")[0] < other.split("=")[0]]
    for pair in random.Random(SEED).sample(pairs, min(TOGETHER, len(pairs))):  # noqa: S311
        yield "two filters", f"{address}?{pair}"
    for term in terms if page.searches else []:
        yield "search", f"{address}?{urlencode({'q': term})}"


def _offered(operator: Operator, address: str) -> list[str]:
    links = OFFERED.findall(operator.look("list", address))
    return sorted({unescape(link) for link in links if link})


def _kind(query: str) -> str:
    names = {part.split("=")[0] for part in query.split("&")}
    return "order" if "o" in names else "deep" if names & {"p", "after", "before"} else "filter"


def _at(values: list[float], share: float) -> float:
    return sorted(values)[round(share * (len(values) - 1))]
