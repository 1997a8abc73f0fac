"""How long it takes to apply a thousand patches, to revert them, and to restore them."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median

from django.test import override_settings

from benchmarks.effort import waited_ms
from benchmarks.filling import empty, fill
from benchmarks.report import Report
from ingestion import dispatch, flights, stages
from ledger import statements
from patches.models import Fact, Patch, PatchBatch
from patches.revert import restore, revert

BUDGET_MS = 500.0
PATCHES = 1_000
DOCUMENTS = 64  # in a flight, and so in an apply
SENTENCES = 6
TRUSTS = 40  # each is led by many in turn: every claim of a leader ends another's time


@dataclass(frozen=True)
class Changes:
    """Milliseconds for a thousand patches, medians over the rounds.

    `apply` is the whole stage: boarding, loading, writing, settling; `revert` and `restore` are the deeds. `on_cpu` is
    the same without the time that this process and its database backend waited for a CPU.
    """

    patches: int
    rounds: int
    facts_held: int
    apply: float
    revert: float
    restore: float
    apply_on_cpu: float
    revert_on_cpu: float
    restore_on_cpu: float


def measure(report: Report, *, rounds: int) -> None:
    """Ingest flights of documents that contradict each other; take each back, and restore it."""
    stages.warm()
    fill((rounds + 1) * DOCUMENTS, text=_text)
    found: list[list[float]] = []
    with override_settings(FLIGHT_RUNS=DOCUMENTS, OPEN_FLIGHTS=1):
        for _ in range(rounds + 1):
            found.append(_round())
    medians = [median(column) for column in zip(*found[1:], strict=True)]  # the first warms the connection up
    told = Changes(int(medians[0]), rounds, Fact.objects.filter(sys__upper_inf=True).count(), *medians[1:])
    empty()
    report.changes = asdict(told)
    met = max(told.apply, told.revert, told.restore) <= BUDGET_MS
    print(
        f"a thousand patches, of batches of {told.patches}, beside {told.facts_held} facts: apply {told.apply:.0f} ms, "
        f"revert {told.revert:.0f} ms, restore {told.restore:.0f} ms (budget ≤ {BUDGET_MS:g} each: "
        f"{'met' if met else 'MISSED'}); less the wait for a CPU {told.apply_on_cpu:.0f}, {told.revert_on_cpu:.0f} and "
        f"{told.restore_on_cpu:.0f} ms",
        flush=True,
    )


def _round() -> list[float]:
    """Take one flight through; return its patches, then the times of the three deeds, then these on the CPU."""
    dispatch.tick()
    [(flight,)] = statements.rows("SELECT max(id) FROM ingestion_flight WHERE status = 'open'")
    for stage in stages.ORDER[:-1]:
        flights.advance(flight, stage, worker="benchmark")
    ids = list(PatchBatch.objects.filter(runs__flight=flight).values_list("pk", flat=True))
    chosen = PatchBatch.objects.filter(pk__in=ids)
    patches = Patch.objects.filter(batch__in=ids).count()
    deeds = (
        lambda: flights.advance(flight, stages.ORDER[-1], worker="benchmark"),
        lambda: revert(chosen, by="benchmark", reason="measured"),
        lambda: restore(chosen, by="benchmark", reason="measured"),
    )
    times = [_timed(deed, patches) for deed in deeds]
    return [patches, *(took for took, _ in times), *(on_cpu for _, on_cpu in times)]


def _timed(deed: Callable[[], object], patches: int) -> tuple[float, float]:
    """Milliseconds for a thousand patches, and those of them on a CPU."""
    [(backend,)] = statements.rows("SELECT pg_backend_pid()")
    processes = (os.getpid(), backend)
    waited, began = waited_ms(processes), time.perf_counter()
    deed()
    took = 1_000 * (time.perf_counter() - began)
    return took * PATCHES / patches, (took - waited_ms(processes) + waited) * PATCHES / patches


def _text(n: int) -> str:
    """A document of short statements; who led which trust since when contradicts what others say."""
    return " ".join(
        f"{_name(n * SENTENCES + k)} has been the director of the Harbour Trust of {_name((n + 7 * k) % TRUSTS)} "
        f"since {1900 + (n * SENTENCES + k) % 120}."
        for k in range(SENTENCES)
    )


def _name(n: int) -> str:
    """A name in two words, another one for each number."""
    return f"{_word(n % 400)} {_word(n // 400)}"


def _word(n: int) -> str:
    heads, tails = ("Bar", "Cor", "Dal", "Fen", "Gar", "Hol", "Mar", "Nor", "Per", "Wil"), ("ton", "well", "by", "ley")
    return f"{heads[n % 10]}{tails[n // 10 % 4]}{'aeioursnldhkgmptvbcf'[n // 40 % 20]}"
