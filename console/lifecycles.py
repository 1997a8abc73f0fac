"""How an operator's order for many rows goes on."""

from ledger.lifecycle import Lifecycle

OPERATION = Lifecycle(
    "operation",
    {
        "waiting": frozenset({"running", "cancelled"}),
        "running": frozenset({"done", "cancelled", "failed"}),
    },
)
# still to be worked off
OPEN = frozenset(OPERATION.steps)
