from ledger.lifecycle import Lifecycle

WAITING = frozenset({"pending", "held"})
RUNNING = frozenset({"queued", "ingesting"})
ENDED = frozenset({"ingested", "skipped", "rejected", "failed", "superseded", "cancelled"})

HANDOFF = Lifecycle(
    "handoff",
    {
        "pending": frozenset({"queued", "held", "superseded", "cancelled"}),
        "held": frozenset({"pending", "superseded", "cancelled", "rejected"}),
        # back to pending: the sweep found that no run holds it
        "queued": frozenset({"ingesting", "pending", "failed", "superseded", "cancelled"}),
        # held: the gate asks a person about what it says
        "ingesting": ENDED | {"pending", "held"},
    }
    # a payload that comes back, or an operator's requeue, opens the same row again
    | {ended: frozenset({"pending"}) for ended in ENDED},
)
