"""What the work took of the machine, on the pages of those that it was done for."""

from django.utils.safestring import SafeString

from ingestion import usage
from ingestion.models import IngestRun
from ledger.rendering import duration, size, table


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
