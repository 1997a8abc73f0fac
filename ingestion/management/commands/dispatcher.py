import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from ingestion import dispatch, duty

log = structlog.get_logger(__name__)

TICK_S = 1.0
ENDING = (signal.SIGTERM, signal.SIGINT)
OTHER_ON_DUTY = 3


class Command(BaseCommand):
    help = (
        "Return lost work to the queue and hand out what is due, every second and as soon as there is something, "
        "until SIGTERM or SIGINT. Two may run: "
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
            ended = threading.Event()  # a signal is heeded between two rounds, never in one

            def end(_signal: int, _frame: FrameType | None) -> None:
                ended.set()

            before = {number: signal.signal(number, end) for number in ENDING}
            try:
                self.until(ended)
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def once(self) -> None:
        try:
            if not duty.do(duty.Rounds()):
                raise CommandError("another dispatcher is on duty", returncode=OTHER_ON_DUTY)
            duty.hand_over()
        except (OperationalError, InterfaceError) as problem:
            raise CommandError(f"the database does not answer: {problem}", returncode=1) from problem

    def until(self, ended: threading.Event) -> None:
        answered, on_duty = True, None
        rounds = duty.Rounds()
        while not ended.is_set():
            was = on_duty
            try:
                on_duty = duty.do(rounds)
            except (OperationalError, InterfaceError) as problem:
                duty.leave()
                if answered:
                    log.warning("the database does not answer; trying on", error=type(problem).__name__)
                answered = on_duty = False
            else:
                if not answered or was != on_duty:
                    log.info("on duty" if on_duty else "standing by")
                answered = True
            if on_duty:
                dispatch.wait(TICK_S)
            else:
                ended.wait(TICK_S)
        duty.leave()
