from ingestion.management.turning import Turning
from patches.revert import revert


class Command(Turning):
    help = (
        "Take back what batches brought, of a source, payload, recipe or fact too; shows its plan and asks first. "
        "What their documents said before counts again. They stay out until restore. "
        "Exit status: 0 done, 1 some could not or nothing was done, 2 bad usage."
    )
    deed = staticmethod(revert)
    statuses = frozenset({"applied", "superseded"})
