"""The index over passages' vectors: built apart, over what is there, and again when enough came after it.

An index that apply kept up to date would be the slowest part of it. So the index ends at a passage: its definition says
`id <= last`. What came later is few, and looked at exactly. See docs/decisions/0012-the-vector-index-is-built-apart.md.
"""

import re

from django.db import connection

from ledger import statements

BUILD_LOCK = 7_304_519
FRESH, GROWTH = 20_000, 0.25  # passages beyond the index, and their share of those in it, that are worth a build
MEMORY = "512MB"  # for 250,000 passages; beyond that a build goes on, more slowly
GRAPH = "m = 16, ef_construction = 64"
MOST_DIMENSIONS = 4_000  # that pgvector indexes at half precision

PREFIX = "passage_near_"
INDEXES = """
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'patches_passage'::regclass AND c.relname ^@ %s
"""


def indexed_until(dim: int) -> int:
    """The last passage that the index for vectors of `dim` dimensions covers; 0 when there is none."""
    return max((last for name, last, valid in _indexes(dim) if valid), default=0)


def is_due(dim: int) -> bool:
    """Whether enough passages came after the index for another build to be worth it. Cheap: asked by every sweep."""
    if dim > MOST_DIMENSIONS:
        return False
    [(last,)] = statements.rows("SELECT coalesce(max(id), 0) FROM patches_passage")
    covered = indexed_until(dim)
    return bool(last - covered >= max(FRESH, GROWTH * covered))


def build(dim: int) -> bool:
    """Build the index over all passages that are there and drop the one before; False if another process does so.

    Nobody is kept from reading or writing meanwhile. Not in a transaction. What a build that was killed left behind is
    dropped first.
    """
    [(ours,)] = statements.rows("SELECT pg_try_advisory_lock(%s)", [BUILD_LOCK])
    if not ours:
        return False
    try:
        for name, _, valid in _indexes(dim):
            if not valid:
                _drop(name)
        before = [name for name, _, _ in _indexes(dim)]
        _create(dim)
        for name in before:
            _drop(name)
    finally:
        statements.rows("SELECT pg_advisory_unlock(%s)", [BUILD_LOCK])
    return True


def _create(dim: int) -> None:
    [(last,)] = statements.rows("SELECT coalesce(max(id), 0) FROM patches_passage")
    # One process: several share memory, of which a container may have too little.
    statements.run(f"SET maintenance_work_mem = '{MEMORY}'; SET max_parallel_maintenance_workers = 0")
    try:
        statements.run(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {PREFIX}{dim:d}_{last:d} ON patches_passage "
            f"USING hnsw ((vector::halfvec({dim:d})) halfvec_cosine_ops) WITH ({GRAPH}) "
            f"WHERE live AND vector_dims(vector) = {dim:d} AND id <= {last:d}"
        )
    finally:
        if not connection.connection or connection.connection.broken:
            connection.close()
        else:
            statements.run("RESET maintenance_work_mem; RESET max_parallel_maintenance_workers")


def _drop(name: str) -> None:
    statements.run(f"DROP INDEX CONCURRENTLY IF EXISTS {connection.ops.quote_name(name)}")


def _indexes(dim: int) -> list[tuple[str, int, bool]]:
    """Name, last passage and validity of each index for vectors of so many dimensions."""
    found = []
    for name, valid in statements.rows(INDEXES, [f"{PREFIX}{dim}_"]):
        if match := re.fullmatch(rf"{PREFIX}{dim}_(\d+)", name):
            found.append((name, int(match[1]), valid))
    return found
