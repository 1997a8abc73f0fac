"""What is done beside the sweep at each round, by whoever is on duty, for apps that this one does not know.

`settings.CHORES` names functions without arguments: each bounds its own work, opens its own transactions, and is called
again at the next round. One that breaks is told of in the log and stops neither the others nor the dispatch.
"""

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

log = structlog.get_logger(__name__)


def work() -> None:
    """Do each chore once."""
    for name in settings.CHORES:
        try:
            import_string(name)()
        except Exception as problem:  # what the console sums up must never hold up the work itself
            log.warning("a chore failed", chore=name, error=type(problem).__name__)
