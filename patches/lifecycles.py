from ledger.lifecycle import Lifecycle

BATCH = Lifecycle(
    "batch",
    {
        "draft": frozenset({"proposed"}),
        "proposed": frozenset({"in_review", "approved", "rejected"}),
        "in_review": frozenset({"approved", "rejected"}),
        # nobody reviewed it in time, or another policy is in force: judged anew when its content comes again
        "rejected": frozenset({"proposed"}),
        "approved": frozenset({"applied", "rejected"}),
        "applied": frozenset({"superseded", "reverted"}),
        # its content is carried again: applied once more, with no new model work
        "superseded": frozenset({"applied", "reverted"}),
        # a person restored it: it is live again if what carries it says nothing later
        "reverted": frozenset({"superseded"}),
    },
)
