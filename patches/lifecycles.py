from ledger.lifecycle import Lifecycle

STEPS = {
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
}
# Whatever is not live can be purged: nothing is left of it but its row.
ERASABLE = frozenset(STEPS) - {"applied"}

BATCH = Lifecycle("batch", {was: to | {"purged"} if was in ERASABLE else to for was, to in STEPS.items()})
