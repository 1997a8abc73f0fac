"""What was done to a source, beside its being paused and resumed: its secrets, schedule, grants, purges."""

from collections.abc import Collection

from ledger import statements
from ledger.reasons import Reason

NOTE = """
INSERT INTO ledger_event (at, lifecycle, row_id, was, became, reason, by, note)
SELECT now(), 'source', s.id, stands, stands, %(reason)s, %(by)s, %(words)s
FROM handoffs_source s, LATERAL (SELECT CASE WHEN s.paused THEN 'paused' ELSE 'active' END) AS now_(stands)
WHERE s.id = ANY(%(sources)s) ORDER BY s.id
"""


def note(sources: Collection[int], reason: Reason, *, by: str, words: str = "") -> None:
    """Write an event for each of the sources; `words` says of what, and holds nothing private. Needs a transaction."""
    statements.run(NOTE, {"sources": sorted(sources), "reason": reason, "by": by, "words": words})
