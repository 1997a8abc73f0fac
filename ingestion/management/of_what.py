"""The options by which trace, revert and restore are told of what."""

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from ingestion.management.selecting import sources
from ingestion.selection import Selection


def add_selection(parser: ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, action="append", metavar="ID", help="this batch; may be repeated")
    parser.add_argument("--source", metavar="NAME", help="all of this source: its name, REFLECTION/NAME or id")
    parser.add_argument("--payload", metavar="HASH", help="all that was read from these bytes; 8 characters do")
    parser.add_argument("--recipe", metavar="NAME", help="all that this recipe made: a stage's, or a pipeline's hash")
    parser.add_argument("--fact", type=int, metavar="ID", help="of a fact: facts --json and trace --about tell its id")


def selection(options: Mapping[str, Any]) -> Selection:
    """What was given. Raises CommandError for a source that is not there."""
    return Selection(
        batches=options["batch"] or (),
        sources=sources([options["source"]]) if options["source"] else None,
        payload=options["payload"],
        recipe=options["recipe"],
        fact=options["fact"],
    )
