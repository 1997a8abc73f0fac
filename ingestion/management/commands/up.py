import secrets
import socket
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, ProgrammingError, connections

from ingestion.stack import HOST, programs
from ingestion.supervisor import supervise

ADMIN = "admin"
PASSWORD_BYTES = 15
ANSWER_S = 0.3
SERVERS_S = 2.0  # between two looks at the embedded servers
COLOURS = {
    "console": 36,
    "dispatcher": 32,
    "worker": 33,
    "syncer": 31,
    "beat": 35,
    "watch": 37,
    "flower": 34,
    "up": 1,
}
NAME_WIDTH = max(map(len, COLOURS))


class Command(BaseCommand):
    help = (
        "Run everything in the foreground until Ctrl-C: the console, the dispatcher, the workers, the clock of the "
        "schedules, the watch over folders and Flower, and the embedded servers where no others are named. "
        "What dies is started again. "
        "Exit status: 0 ended as asked, 2 a port is taken or the database has no schema yet."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-web", action="store_true", help="without the console")
        parser.add_argument("--no-flower", action="store_true", help="without Flower")
        parser.add_argument("--quiet", action="store_true", help="write what the programs say to files")

    def handle(self, *, no_web: bool, no_flower: bool, quiet: bool, **_: Any) -> None:
        ports = {} if no_web else {"SLUICEGATE_WEB_PORT": settings.WEB_PORT}
        ports |= {} if no_flower else {"SLUICEGATE_FLOWER_PORT": settings.FLOWER_PORT}
        _refuse_taken(ports)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the console warns of one that is missing
        password = first_admin()
        connections.close_all()  # nothing is asked of the database from here on
        if not no_web:
            self.tell_console(password)
            if not no_flower:
                self.stdout.write(f"Flower   http://{HOST}:{settings.WEB_PORT}/flower/ (for who is logged in)")
        if quiet:
            self.stdout.write(f"Logs     {settings.STATE_DIR}/*.log")
        self.stdout.write("Ctrl-C ends everything.")
        self.stdout.flush()
        supervise(
            list(programs(web=not no_web, flower=not no_flower)),
            cwd=settings.ROOT,
            say=self.say,
            logs=settings.STATE_DIR if quiet else None,
            meanwhile=self.meanwhile(list(ports.values())),
        )

    def tell_console(self, password: str | None) -> None:
        self.stdout.write(f"Console  http://{HOST}:{settings.WEB_PORT}/")
        if password:
            self.stdout.write(f"         user {ADMIN}, password {password} (shown this once)")
        else:
            here = "" if settings.STATE_DIR == settings.ROOT / "var" else f"SLUICEGATE_STATE_DIR={settings.STATE_DIR} "
            command = f"{here}.venv/bin/python manage.py changepassword NAME"
            self.stdout.write(f"         an administrator exists; a lost password: {command}")

    def say(self, name: str, line: str) -> None:
        label = f"{name:<{NAME_WIDTH}} |"
        if self.stdout.isatty():
            label = f"\x1b[{COLOURS[name]}m{label}\x1b[0m"
        with suppress(OSError):  # nobody reads it any more; the programs go on
            self.stdout.write(f"{label} {line}")
            self.stdout.flush()

    def meanwhile(self, ports: list[int]) -> Callable[[], None]:
        ready, revive = self.when_ready(ports), self.reviver()

        def look() -> None:
            ready()
            revive()

        return look

    def reviver(self) -> Callable[[], None]:
        """Return a function that looks after the embedded servers, which have no other supervisor."""
        looked_at, failed = time.monotonic(), ""

        def revive() -> None:
            nonlocal looked_at, failed
            if not settings.REVIVE_SERVERS or time.monotonic() - looked_at < SERVERS_S:
                return
            looked_at, before = time.monotonic(), failed
            try:
                failed = ""
                if settings.REVIVE_SERVERS().started:
                    self.say("up", "an embedded server had died and was started again")
            except RuntimeError as problem:
                failed = str(problem)
                if failed != before:
                    self.say("up", failed)

        return revive

    def when_ready(self, ports: list[int]) -> Callable[[], None]:
        """Return a function that says so, once, when behind every port somebody answers."""
        began = time.monotonic()
        silent = list(ports)

        def look() -> None:
            for port in list(silent):
                if _answers(port):
                    silent.remove(port)
                    if not silent:
                        self.say("up", f"ready after {time.monotonic() - began:.1f} s")

        return look


def _answers(port: int) -> bool:
    """Whether a request is answered, in whatever way: a port is open before the program behind it has loaded."""
    try:
        with closing(HTTPConnection(HOST, port, timeout=ANSWER_S)) as connection:
            connection.request("GET", "/healthz")
            connection.getresponse()
    except (OSError, HTTPException):
        return False
    return True


def _refuse_taken(ports: dict[str, int]) -> None:
    with ExitStack() as bound:
        for variable, port in ports.items():
            probe = bound.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as problem:
                raise CommandError(
                    f"port {port} cannot be had ({problem.strerror}): "
                    f"end what has it, such as another make up, or set {variable} to another one",
                    returncode=2,
                ) from problem


def first_admin() -> str | None:
    """Make the first administrator and return the password; None when there is one."""
    users = get_user_model()._default_manager
    try:
        if users.filter(is_superuser=True, is_active=True).exists():
            return None
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        users.create_superuser(ADMIN, password=password)
    except ProgrammingError as problem:
        raise CommandError("the database has no schema yet: run manage.py migrate", returncode=2) from problem
    except IntegrityError as problem:
        message = f"there is a user {ADMIN} but no administrator: run manage.py createsuperuser"
        raise CommandError(message, returncode=2) from problem
    return password
