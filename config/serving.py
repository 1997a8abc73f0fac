"""Have the embedded servers and an up-to-date schema for the commands that need them, and say whose store they open."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

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
# These mind the schema themselves. For all others it is brought up unasked: an embedded database is theirs alone.
WITHOUT_SCHEMA = frozenset({"migrate", "makemigrations", "showmigrations", "sqlmigrate", "dbshell", "backup"})
# This one finds out what is wrong with the servers.
LOOKS_AT_THEM = "doctor"
MIGRATE_LOCK = 7_304_516
DEMO = "demo"
USED = "SELECT EXISTS (SELECT FROM handoffs_source) OR EXISTS (SELECT FROM auth_user)"


@contextmanager
def servers_for(command: Sequence[str]) -> Iterator[None]:
    """Run the block with the servers that the command needs; those that this process starts it stops."""
    environment = load()
    name = command[0] if command else ""
    if not environment.embedded or name in WITHOUT_SERVERS:
        yield
        return
    try:
        store, looks = store_for(name, environment.state_dir), name == LOOKS_AT_THEM
        os.environ["SLUICEGATE_STATE_DIR"] = str(store)  # for the settings, and the programs that are started
        with (embedded.as_they_are if looks else embedded.running)(store) as servers:
            if servers.started if looks else name not in WITHOUT_SCHEMA:
                migrate()
            yield
    except embedded.EmbeddedError as problem:
        raise SystemExit(str(problem)) from problem


def store_for(name: str, state_dir: Path) -> Path:
    """Return the state folder; for `up` the demo's in it, once that is told and while one's own holds nothing yet."""
    demo = state_dir / DEMO
    if name != "up" or not embedded.begun(demo) or _used(state_dir):
        return state_dir
    sys.stdout.write(
        f"This is the demo's store, {os.path.relpath(demo)}; "
        "make up opens your own once you began it: .venv/bin/python manage.py ingest PATH\n"
    )
    sys.stdout.flush()
    return demo


def _used(state_dir: Path) -> bool:
    """Whether somebody has begun something there: a source, or who may log in. Raises EmbeddedError."""
    if not embedded.begun(state_dir):
        return False
    with embedded.running(state_dir) as servers, psycopg.connect(servers.database_url) as connection:
        try:
            return connection.execute(USED).fetchone() == (True,)
        except psycopg.errors.UndefinedTable:
            return False


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
