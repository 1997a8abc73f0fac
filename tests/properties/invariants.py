"""What holds of the ledger and the knowledge at any moment, between any two transactions."""

from handoffs.lifecycles import HANDOFF, RUNNING, WAITING
from ingestion.lifecycles import ACTIVE, FLIGHT, RUN
from ingestion.stages import ORDER
from ledger import statements
from ledger.lifecycle import Lifecycle
from patches.lifecycles import BATCH
from patches.slots import _read
from patches.timeline import timeline

# By lifecycle: its table, and the status in which a row is born.
BORN: dict[str, tuple[Lifecycle, str, str]] = {
    "handoff": (HANDOFF, "handoffs_handoff", "pending"),
    "run": (RUN, "ingestion_ingestrun", "running"),
    "flight": (FLIGHT, "ingestion_flight", "open"),
    "batch": (BATCH, "patches_patchbatch", "proposed"),
}

# A sentence, and a query for the rows of which it does not hold.
SENTENCES = {
    "a reference has at most one waiting and one running handoff": """
        SELECT reference_id::text FROM handoffs_handoff
        WHERE status = ANY(%(waiting)s) OR status = ANY(%(under_way)s)
        GROUP BY reference_id, status = ANY(%(waiting)s) HAVING count(*) > 1""",
    "a run that is not over has a due time, or an open flight with a lease": """
        SELECT r.id::text FROM ingestion_ingestrun r LEFT JOIN ingestion_flight f ON f.id = r.flight_id
        WHERE (r.status IN ('pending', 'retry_wait') AND r.next_attempt_at IS NULL)
           OR (r.status = 'running' AND (f.status IS DISTINCT FROM 'open' OR f.lease_until IS NULL))""",
    "a handoff that is under way has exactly one active run": """
        SELECT h.id::text FROM handoffs_handoff h WHERE h.status = ANY(%(under_way)s) AND 1 <> (
          SELECT count(*) FROM ingestion_ingestrun r WHERE r.handoff_id = h.id AND r.status = ANY(%(active)s))""",
    "an active run has a handoff that is not over": """
        SELECT r.id::text FROM ingestion_ingestrun r JOIN handoffs_handoff h ON h.id = r.handoff_id
        WHERE r.status = ANY(%(active)s) AND NOT (h.status = ANY(%(waiting)s) OR h.status = ANY(%(under_way)s))""",
    "a flight stands before no later stage than its runs": """
        SELECT f.id::text FROM ingestion_flight f JOIN ingestion_ingestrun r ON r.flight_id = f.id
        WHERE f.status = 'open' AND r.status = 'running'
          AND array_position(%(order)s, f.stage::text) > array_position(%(order)s, r.stage::text)""",
    "an open flight has runs aboard": """
        SELECT f.id::text FROM ingestion_flight f WHERE f.status = 'open' AND f.worker = ''
          AND NOT EXISTS (SELECT FROM ingestion_ingestrun r WHERE r.flight_id = f.id AND r.status = 'running')""",
    "a batch is applied only with an approval of its digest": """
        SELECT b.id::text FROM patches_patchbatch b WHERE b.status = 'applied' AND NOT EXISTS (
          SELECT FROM patches_verdict v WHERE v.batch_id = b.id AND v.digest = b.digest AND v.decision = 'approve')""",
    "a batch has a life for each time that it was applied, and an open one while it is": """
        SELECT b.id::text FROM patches_patchbatch b
        WHERE (SELECT count(*) FROM patches_batchlife l WHERE l.batch_id = b.id) <> (
                SELECT count(*) FROM ledger_event e
                WHERE e.lifecycle = 'batch' AND e.row_id = b.id AND e.became = 'applied')
           OR (b.status = 'applied') <> EXISTS (
                SELECT FROM patches_batchlife l WHERE l.batch_id = b.id AND upper_inf(l.sys))""",
    "assertions live while their batch is applied": """
        SELECT a.id::text FROM patches_assertion a JOIN patches_patchbatch b ON b.id = a.batch_id
        WHERE a.live <> (b.status = 'applied')""",
    "passages live while their batch is applied": """
        SELECT p.id::text FROM patches_passage p JOIN patches_patchbatch b ON b.id = p.batch_id
        WHERE p.live <> (b.status = 'applied')""",
    "what a reference carries is applied, and is what it says of itself": """
        SELECT r.id::text FROM patches_carrier c JOIN patches_patchbatch b ON b.id = c.batch_id
        JOIN handoffs_reference r ON r.id = c.reference_id
        WHERE b.status <> 'applied' OR r.applied_content_hash <> b.content_hash OR r.gone_at IS NOT NULL""",
    "an applied batch is carried, or is to be looked at": """
        SELECT b.id::text FROM patches_patchbatch b WHERE b.status = 'applied' AND b.source_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM patches_carrier c WHERE c.batch_id = b.id)
          AND NOT EXISTS (SELECT FROM patches_uncarriedbatch u WHERE u.batch_id = b.id)""",
}
ALL = " UNION ALL ".join(f"SELECT '{sentence}', * FROM ({query}) q" for sentence, query in SENTENCES.items())  # noqa: S608
SETS = {"waiting": sorted(WAITING), "under_way": sorted(RUNNING), "active": sorted(ACTIVE), "order": [*ORDER]}


STATUSES = " UNION ALL ".join(f"SELECT '{name}', id, status FROM {row[1]}" for name, row in BORN.items())  # noqa: S608
EVENTS = """
SELECT id, lifecycle, row_id, was, became FROM ledger_event
WHERE id > %(last)s AND lifecycle = ANY(%(known)s) ORDER BY id
"""
NEWEST = "SELECT coalesce((SELECT max(seq) FROM patches_applytransaction), 0)"
SLOTS = "SELECT slot FROM patches_assertion UNION SELECT slot FROM patches_fact"


class Watch:
    """Begins with an empty ledger; remembers what it saw last, and looks at what came since."""

    def __init__(self) -> None:
        self.event = self.seq = 0
        self.status: dict[tuple[str, int], str] = {}
        self.fences: dict[int, int] = {}

    def look(self) -> None:
        broken = statements.rows(ALL, SETS)
        assert not broken
        self._history()
        self._fences()
        self._facts()

    def _history(self) -> None:
        """Each row's events are a path in its lifecycle, from the status in which it is born to the one that it has."""
        for event, lifecycle, row, was, became in statements.rows(EVENTS, {"last": self.event, "known": [*BORN]}):
            table, _, born = BORN[lifecycle]
            assert self.status.get((lifecycle, row), born) == was, f"{lifecycle} {row} was not {was}"
            assert became in table.steps[was], f"{lifecycle} {row}: {was} → {became}"
            self.status[lifecycle, row] = became
            self.event = event
        for lifecycle, row, status in statements.rows(STATUSES):
            told = self.status.setdefault((lifecycle, row), BORN[lifecycle][2])
            assert status == told, f"{lifecycle} {row} is {status}, its events say {told}"

    def _fences(self) -> None:
        for flight, fence in statements.rows("SELECT id, fence FROM ingestion_flight"):
            assert fence >= self.fences.get(flight, 0), f"the fence of flight {flight} fell"
            self.fences[flight] = fence

    def _facts(self) -> None:
        """The open facts are the timelines of the live assertions; looked at after each apply number."""
        [(seq,)] = statements.rows(NEWEST)
        if seq > self.seq:
            self.seq = seq
            for slot, state in _read([slot for (slot,) in statements.rows(SLOTS)]).items():
                assert set(state.open) == set(timeline(state.live, state.cardinality)), f"slot {slot}"
