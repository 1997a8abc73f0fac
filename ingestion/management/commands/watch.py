import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from ingestion.watching import STABLE_S, watch

ENDING = (signal.SIGTERM, signal.SIGINT)


class Command(BaseCommand):
    help = (
        "Follow the folders of sources, and have a source synced as soon as something in its folder changed and came "
        "to rest, until SIGTERM or SIGINT. Exit status: 0 ended as asked, 2 bad usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--stable",
            type=float,
            default=STABLE_S,
            metavar="SECONDS",
            help=f"how long a file has to be left alone ({STABLE_S:g})",
        )

    def handle(self, *, stable: float, **_: Any) -> None:
        ended = threading.Event()

        def end(_signal: int, _frame: FrameType | None) -> None:
            ended.set()

        before = {number: signal.signal(number, end) for number in ENDING}
        try:
            watch(ended, stable_s=stable)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
