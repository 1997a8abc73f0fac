"""What the work took of the machine, on the pages of those that it was done for."""

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from handoffs.models import Source
from ingestion import profiling, usage
from ingestion.models import IngestRun
from ledger.rendering import duration, size, stacked, table


def of_run(run: IngestRun) -> SafeString:
    """What the run took at each stage: its own share of what its flight took, and all of them together."""
    found = usage.of_run(run.pk)
    lines: list[tuple[str, ...]] = [
        (
            used.stage,
            f"flight {used.flight}, {used.aboard} aboard",
            duration(used.waited_s),
            duration(used.took_s),
            duration(used.cpu_s),
            size(used.peak_bytes),
            f"{used.items:,}",
        )
        for used in found
    ]
    if len(found) > 1:
        sums = [sum(values) for values in zip(*((u.waited_s, u.took_s, u.cpu_s) for u in found), strict=True)]
        most = max(used.peak_bytes for used in found)
        lines.append(("all", size(run.handoff.size_bytes), *(duration(one) for one in sums), size(most), ""))
    return table(
        ["stage", "with", "waited for a worker", "its share", "of CPU time", "memory at most", "pieces"], lines
    )


def of_source(source: Source) -> SafeString:
    """What the source's flights may take, what they took in the last days, and what to do where the two part."""
    found = profiling.of_source(source.pk, source.kind)
    limits = found.declared
    told = (size(limits.memory_bytes), duration(limits.stage_s), "", limits.flight_runs, size(limits.flight_bytes))
    lines = [("may take", "", *told, ""), *((stage, *_told(seen)) for stage, seen in found.stages.items())]
    heads = ["stage", "visits", "memory p95", "took p95", "waited p95", "runs p95", "bytes p95", "CPU busy"]
    return stacked(table(heads, lines), format_html_join("", "<p>→ {}</p>", zip(found.advice)))


def _told(seen: profiling.AtStage) -> tuple[str | int, ...]:
    times = (duration(seen.took_s), duration(seen.waited_s))
    return (f"{seen.visits:,}", size(seen.peak_bytes), *times, seen.runs, size(seen.size_bytes), f"{seen.busy:.0%}")
