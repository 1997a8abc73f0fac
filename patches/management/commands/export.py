import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from handoffs.models import Reflection
from patches.export import export


class Command(BaseCommand):
    help = (
        "Write the live knowledge as canonical, sorted JSON lines without ids or clocks: two stores hold the same when "
        "diff says so. Exit status: 0 written, 2 no such reflection."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reflection", default="main", help="the knowledge base (default: main)")

    def handle(self, *, reflection: str, **_: Any) -> None:
        try:
            owner = Reflection.objects.get(name=reflection)
        except Reflection.DoesNotExist:
            raise CommandError(f"there is no reflection {reflection!r}", returncode=2) from None
        try:
            for line in export(owner):
                self.stdout.write(line)
        except BrokenPipeError:  # whoever reads has seen enough
            sys.stdout = None  # or Python complains again when it flushes at its end
