import signal
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from ingestion import duty

log = structlog.get_logger(__name__)

TICK_S = 1.0
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})
OTHER_ON_DUTY = 3


class Command(BaseCommand):
    help = (
        "Return lost work to the queue and hand out what is due, every second until SIGTERM or SIGINT. Two may run: "
        "one is on duty, the other takes over when it ends. While the database or the broker is away it keeps trying. "
        "Exit status: 0 ended as asked, 1 with --once the database does not answer, "
        "3 with --once another dispatcher is on duty."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one sweep and one dispatch, then end")

    def handle(self, *, once: bool, **_: Any) -> None:
        if once:
            self.once()
        else:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # they are taken between two ticks, never in one
            try:
                self.until_asked_to_end()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def once(self) -> None:
        try:
            if not duty.do():
                raise CommandError("another dispatcher is on duty", returncode=OTHER_ON_DUTY)
            duty.hand_over()
        except (OperationalError, InterfaceError) as problem:
            raise CommandError(f"the database does not answer: {problem}", returncode=1) from problem

    def until_asked_to_end(self) -> None:
        answered = True
        on_duty = None
        while not signal.sigtimedwait(ENDING, 0 if on_duty is None else TICK_S):
            try:
                was, on_duty = on_duty, duty.do()
            except (OperationalError, InterfaceError) as problem:
                duty.leave()
                if answered:
                    log.warning("the database does not answer; trying on", error=type(problem).__name__)
                answered, on_duty = False, False
                continue
            if not answered or was != on_duty:
                log.info("on duty" if on_duty else "standing by")
            answered = True
        duty.leave()
