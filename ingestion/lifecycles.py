"""How runs, flights, the occurrences of syncs and approvals may go from status to status."""

from ledger.lifecycle import Lifecycle

# holds its handoff: no second run may work on the same handoff
ACTIVE = frozenset({"pending", "running", "retry_wait", "in_review"})
# waits for dispatch, with the time from which it may go
DUE = frozenset({"pending", "retry_wait"})

RUN = Lifecycle(
    "run",
    {
        "pending": frozenset({"running", "cancelled"}),
        "running": frozenset(
            {
                "completed",
                "eval_rejected",
                "failed",
                "duplicate_skipped",
                "cancelled",
                "retry_wait",
                "in_review",
                "quarantined",
                "pending",
            }
        ),
        "retry_wait": frozenset({"running", "pending", "cancelled"}),
        "in_review": frozenset({"pending", "eval_rejected", "cancelled"}),
        "quarantined": frozenset({"pending", "failed", "cancelled"}),
    },
)

FLIGHT = Lifecycle("flight", {"open": frozenset({"landed", "lost"})})

OCCURRENCE = Lifecycle(
    "occurrence",
    {
        "due": frozenset({"running", "skipped", "missed"}),
        # back to due: to try again, or because its worker was told to end or was not heard of any more
        "running": frozenset({"done", "failed", "due"}),
    },
)

APPROVAL = Lifecycle(
    "approval",
    {"asked": frozenset({"confirmed", "refused", "expired"}), "confirmed": frozenset({"done"})},
)
