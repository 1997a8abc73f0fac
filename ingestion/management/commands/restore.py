from ingestion.management.turning import Turning
from patches.revert import restore


class Command(Turning):
    help = (
        "Let reverted batches count again; shows its plan and asks first. "
        "Exit status: 0 done, 1 some could not or nothing was done, 2 bad usage."
    )
    deed = staticmethod(restore)
    statuses = frozenset({"reverted"})
