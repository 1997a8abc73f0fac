"""The two embedded servers as programs: how each is prepared, started, asked, stopped, and known to be alive.

A server runs if and only if a process of its name and user works in its data folder. Files with process ids prove
nothing: they outlive `kill -9`, and their numbers are given to others or stay with a zombie. Callers hold the lock of
`config.embedded`.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import make_conninfo

from config.embedded_home import POSTGRES_SOCKET, VALKEY_SOCKET, EmbeddedError, Home, binaries, existing, open_in_state
from config.hardware import usable_bytes

LOG_MAX_BYTES = 10 * 1024 * 1024
LOG_LINES_SHOWN = 12
DISK_MIN_BYTES = 64 * 1024 * 1024
READY_S = 120.0  # recovery may have to replay max_wal_size
STOP_S = 30.0
KILL_S = 15.0
POLL_S = 0.02

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # A ledger of millions is kept warm on a large machine, and a small one is left its memory.
    "shared_buffers": f"{max(128, min(2048, usable_bytes() // 16 >> 20))}MB",
    "huge_pages": "off",  # a container may promise some and then kill who touches them
    "max_wal_size": "2GB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class Program:
    """What differs between the two servers."""

    name: str  # of its processes, its data folder and its log
    pid_file: str
    stop_signal: signal.Signals
    prepare: Callable[[Home], list[str]]  # make the data folder fit for a start; return the command
    answers: Callable[[Home], bool]

    def data(self, home: Home) -> Path:
        return home.data / self.name

    def log(self, home: Home) -> Path:
        return home.state / f"{self.name}.log"


def lives(home: Home, program: Program) -> bool:
    """Whether the server's leader is alive, be it silent."""
    return _leader(home, program) in _processes(home, program)


def bring_up(home: Home, program: Program) -> bool:
    """Start the server unless it runs; return whether it was started, once it answers. Raises EmbeddedError."""
    leader = _leader(home, program)
    if leader in _processes(home, program) and _comes_to_answer(home, program, leader):
        return False
    # Whoever outlived a killed leader still holds its shared memory. Recovery makes good what they lose.
    _end(home, program)
    if not _comes_to_answer(home, program, _launch(home, program)):
        raise failure(home, program, "ended at its start")
    return True


def bring_down(home: Home, program: Program) -> bool:
    """Stop the server and whatever is left of it; return whether there was something. Raises EmbeddedError."""
    processes = _processes(home, program)
    if (leader := _leader(home, program)) in processes:
        with suppress(ProcessLookupError):
            os.kill(leader, program.stop_signal)
        _gone(home, program, STOP_S)
    _end(home, program)
    return bool(processes)


def failure(home: Home, program: Program, what: str) -> EmbeddedError:
    """Return an error that says what to do, with the last lines of the server's log."""
    log = program.log(home)
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:] if log.exists() else []
    full = shutil.disk_usage(existing(home.data)).free < DISK_MIN_BYTES
    advice = f"the disk of {home.data} is full, make room and start again" if full else f"{log} ends with"
    return EmbeddedError("\n  ".join([f"{program.name} {what}; {advice}:", *lines]))


def _launch(home: Home, program: Program) -> int:
    """Start the server in a session of its own and as a child of init; return its process id."""
    with os.fdopen(open_in_state(program.log(home), os.O_WRONLY | os.O_APPEND), "ab") as log:
        if log.tell() > LOG_MAX_BYTES:
            log.truncate(0)
        launched = subprocess.run(  # noqa: S603 - our own command; the shell does not read it
            ["/bin/sh", "-c", '"$@" </dev/null >&2 & echo $!', "sh", *program.prepare(home)],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=program.data(home),
            start_new_session=True,
            check=True,
            **home.identity,
        )
    return int(launched.stdout)


def _comes_to_answer(home: Home, program: Program, leader: int) -> bool:
    """Wait until the server answers; False if its leader ends before. Raises EmbeddedError if neither happens."""
    deadline = time.monotonic() + READY_S
    while not program.answers(home):
        if not _works(home, program, leader):
            return False
        if time.monotonic() > deadline:
            raise failure(home, program, f"did not answer within {READY_S:.0f} s")
        time.sleep(POLL_S)
    return True


def _leader(home: Home, program: Program) -> int:
    """Return the process id that the server wrote down, be it alive or not; 0 for none."""
    try:
        return int((program.data(home) / program.pid_file).read_text().split("\n")[0])
    except (OSError, ValueError):
        return 0


def _processes(home: Home, program: Program) -> set[int]:
    """Return the live processes of the server."""
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return {number for number in numbers if _works(home, program, number, name=program.name)}


def _works(home: Home, program: Program, process: int, *, name: str = "") -> bool:
    """Whether a live process of the servers' user works in the data folder. No `name`: any; it may still be a shell."""
    entry = Path(f"/proc/{process}")
    with suppress(OSError):  # it is gone, or another user's
        if entry.stat().st_uid == home.uid and (entry / "cwd").readlink() == program.data(home):
            found, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
            return found == (name or found) and rest.split()[0] not in {"Z", "X"}
    return False


def _end(home: Home, program: Program) -> None:
    """Kill what is left of the server. Raises EmbeddedError for a process that does not die."""
    for process in _processes(home, program):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    if not _gone(home, program, KILL_S):
        raise failure(home, program, f"cannot be stopped, its processes {_processes(home, program)} do not die")


def _gone(home: Home, program: Program, patience_s: float) -> bool:
    """Wait until no process of the server is left; return whether that is so."""
    deadline = time.monotonic() + patience_s
    while _processes(home, program):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _prepare_postgres(home: Home) -> list[str]:
    programs, _ = binaries(home)
    data = POSTGRES.data(home)
    if not data.exists():
        _make_cluster(home, programs)
    # Nothing works in this folder now, so a process that one of these files names is a zombie or a stranger, and
    # PostgreSQL would take it for a server. A file that names no process stays: PostgreSQL frees shared memory by it.
    if Path(f"/proc/{_leader(home, POSTGRES)}").exists():
        (data / POSTGRES.pid_file).unlink()
    (home.sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)
    sockets = str(home.sockets).replace('"', '""')
    settings = {**POSTGRES_SETTINGS, "unix_socket_directories": f'"{sockets}"'}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(programs / "postgres"), "-D", str(data), *options]


def _make_cluster(home: Home, programs: Path) -> None:
    """Make the data folder with the database in it, in a draft: one that was cut short never passes for a cluster."""
    draft = home.data / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    home.private(draft)
    options = ["-A", "trust", "--data-checksums", "--no-instructions", "--locale-provider=builtin", "--locale=C.UTF-8"]
    initdb = [f"{programs}/initdb", "-D", str(draft), "-U", "sluicegate", "-E", "UTF8", *options]
    create = [f"{programs}/postgres", "--single", "-D", str(draft), "postgres"]
    with os.fdopen(open_in_state(POSTGRES.log(home), os.O_WRONLY | os.O_APPEND), "ab") as log:
        for command, said in ((initdb, b""), (create, b"CREATE DATABASE sluicegate\n")):
            done = subprocess.run(  # noqa: S603 - our own command
                command, input=said, stdout=log, stderr=log, cwd=draft, check=False, **home.identity
            )
            if done.returncode:
                raise failure(home, POSTGRES, "could not make its data folder")
    draft.rename(POSTGRES.data(home))


def _postgres_answers(home: Home) -> bool:
    """Ping as libpq does: a server that has no connection to spare answers too."""
    conninfo = make_conninfo(host=str(home.sockets), user="sluicegate", dbname="sluicegate", connect_timeout=2)
    return pq.PGconn.ping(conninfo.encode()) == pq.Ping.OK


def _prepare_valkey(home: Home) -> list[str]:
    _, program = binaries(home)
    data = home.private(VALKEY.data(home))
    options = {
        "port": "0",
        "unixsocket": str(home.sockets / VALKEY_SOCKET),
        "unixsocketperm": "700",
        "dir": str(data),
        "pidfile": str(data / VALKEY.pid_file),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _valkey_answers(home: Home) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(2)
            asked.connect(str(home.sockets / VALKEY_SOCKET))
            asked.sendall(b"PING\r\n")
            return asked.recv(64).startswith(b"+PONG")
    except OSError:
        return False


POSTGRES = Program("postgres", "postmaster.pid", signal.SIGINT, _prepare_postgres, _postgres_answers)  # INT: fast stop
VALKEY = Program("valkey-server", "valkey.pid", signal.SIGTERM, _prepare_valkey, _valkey_answers)
PROGRAMS = (POSTGRES, VALKEY)
