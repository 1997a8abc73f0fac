"""What is kept, for how long, and how much room it takes: for a page, so that nothing grows unseen."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from ledger import statements

FOR_EVER = "for ever"
# As the planner counts them: no table is read.
SIZES = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint, coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, n
FROM unnest(%(groups)s::text[]) WITH ORDINALITY AS g(tables, n)
LEFT JOIN pg_class c ON c.oid = ANY(string_to_array(g.tables, ' ')::regclass[]) GROUP BY n ORDER BY n
"""
SUMS = "console_tally console_latency console_usage console_trouble console_backlog"


@dataclass(frozen=True)
class Kept:
    """Something that is kept: how long, the setting that says so or why none does, about how many rows and bytes."""

    what: str
    how_long: str
    says: str
    rows: int
    size_bytes: int


def kept() -> list[Kept]:
    """Look at what is kept. One statement, which reads no table."""
    plan = _plan()
    sizes = statements.rows(SIZES, {"groups": [tables for _, _, _, tables in plan]})
    return [
        Kept(what, long, says, rows, size) for (what, long, says, _), (rows, size, _) in zip(plan, sizes, strict=True)
    ]


def _plan() -> Sequence[tuple[str, str, str, str]]:
    minutes, hours = (f"{settings.KEPT_DAYS[span]} days" for span in (60, 3600))
    told = f"minutes {minutes}, hours {hours}, days {FOR_EVER}"
    return [
        ("What is summed up for charts", told, "SLUICEGATE_MINUTES_KEPT_DAYS, SLUICEGATE_HOURS_KEPT_DAYS", SUMS),
        ("How deep the queue was, by minute", hours, "SLUICEGATE_HOURS_KEPT_DAYS", "console_gauge"),
        ("Events: the audit log", FOR_EVER, "each is sealed into a chain", "ledger_event ledger_seal"),
        ("Visits: what flights took at their stages", FOR_EVER, "only added to", "ingestion_visit"),
        (
            "Handoffs and runs",
            FOR_EVER,
            "the ledger; a purge empties what they say",
            "handoffs_handoff ingestion_ingestrun",
        ),
        ("Outputs of stages", FOR_EVER, "until a purge", "ingestion_stageoutput"),
        (
            "Batches, patches and verdicts",
            FOR_EVER,
            "until a purge",
            "patches_patchbatch patches_patch patches_verdict",
        ),
        ("Answers of models, by text", FOR_EVER, "what is equal is asked once", "ingestion_memo"),
    ]
