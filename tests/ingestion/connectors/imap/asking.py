"""A connector to the mailbox, and what it answered."""

from ingestion.connectors.imap.mailbox import Imap
from ingestion.ports import Listed
from tests.contracts.worlds.imap import Mailbox

LIMIT = 1_000_000
WORDS = {f"n{n}": f"letter number {n}" for n in range(5)}


def port(world: Mailbox, **options) -> Imap:
    return Imap(**{**world.options(), **world.secrets(), **options})


def names(entries) -> list[str]:
    return [entry.external_id for entry in entries if isinstance(entry, Listed)]


def after(entries) -> dict:
    return dict([entry.cursor for entry in entries if hasattr(entry, "cursor")][-1])
