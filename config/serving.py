"""Have the embedded servers and an up-to-date schema for the commands that need them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from config import embedded
from config.environment import load

# These look at the code alone.
WITHOUT_SERVERS = frozenset(
    {
        "",
        "help",
        "--help",
        "-h",
        "--version",
        "version",
        "check",
        "makemessages",
        "collectstatic",
        "startapp",
        "settings",
    }
)
# These a newcomer types first: an embedded database is theirs alone, so its schema is brought up without being asked.
MIGRATE_FIRST = frozenset({"ingest", "sources", "search", "export", "facts", "demo", "up", "runserver", "dispatcher"})
MIGRATE_LOCK = 7_304_516


@contextmanager
def servers_for(command: Sequence[str]) -> Iterator[None]:
    """Run the block with the servers that the command needs; those that this process starts it stops."""
    environment = load()
    name = command[0] if command else ""
    if not environment.embedded or name in WITHOUT_SERVERS:
        yield
        return
    try:
        with embedded.running(environment.state_dir):
            if name in MIGRATE_FIRST:
                migrate()
            yield
    except embedded.EmbeddedError as problem:
        raise SystemExit(str(problem)) from problem


def migrate() -> None:
    """Apply what is missing of the schema; a second process waits and then finds nothing missing."""
    import django  # noqa: PLC0415  set up only where a database is there
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    django.setup()
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATE_LOCK])
            try:
                call_command("migrate", verbosity=0, interactive=False)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATE_LOCK])
