"""Which rows an operator means: ids, or filters that all have to hold."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Now

from handoffs.models import Source
from ingestion.models import IngestRun
from ledger.commands import USAGE, positive
from ledger.deeds import Answer
from ledger.failures import KINDS
from ledger.reasons import Reason

M = TypeVar("M", bound=Model)

SHOWN = 50
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# What each option asks of a row, where that is one question.
LOOKUPS = {
    "ids": "pk__in",
    "reflection": "source__reflection__name",
    "status": "status__in",
    "reason": "reason",
    "failure": "failure",
    "fingerprint": "quarantine__fingerprint__startswith",
}
NARROWING = ("source", "older_than", "outstanding", *LOOKUPS)


def add_filters(parser: ArgumentParser, statuses: Sequence[str], *, of_runs: bool = True) -> None:
    parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="only these")
    parser.add_argument("--source", metavar="NAME", help="of this source: its name, REFLECTION/NAME or id")
    parser.add_argument("--reflection", metavar="NAME", help="of this knowledge base")
    parser.add_argument("--status", choices=sorted(statuses), action="append", help="in this status; may be repeated")
    parser.add_argument("--reason", choices=sorted(Reason.values), metavar="CODE", help="for this reason")
    if of_runs:
        parser.add_argument("--failure", choices=KINDS, metavar="CLASS", help="whose last failure was of this class")
        parser.add_argument("--fingerprint", help="that failed in this way, as quarantine list shows it")
        parser.add_argument("--outstanding", action="store_true", help="whose failure waits for an answer")
    parser.add_argument("--older-than", type=age, metavar="AGE", help="there for longer, such as 90s, 15m, 2h or 3d")
    parser.add_argument("--limit", type=positive, help=f"no more than this (lists: {SHOWN}; deeds: all)")
    parser.add_argument("--after", type=int, default=0, metavar="ID", help="beyond this id: the next page")
    parser.add_argument("--all", action="store_true", help="a deed without ids and filters is for all that it can be")


def narrowed(rows: QuerySet[M], options: Mapping[str, Any]) -> QuerySet[M]:
    """The rows that the ids and filters leave, in order of id. CommandError for a source that is not there."""
    asked = Q(pk__gt=options["after"])
    for option, lookup in LOOKUPS.items():
        if options.get(option):
            asked &= Q(**{lookup: options[option]})
    if options["source"]:
        asked &= Q(source__in=sources([options["source"]], options["reflection"]))
    if options["older_than"]:
        asked &= Q(since__lt=Now() - options["older_than"])
    if options.get("outstanding"):
        asked &= Q(pk__in=IngestRun.objects.outstanding())
    return rows.filter(asked).order_by("pk")


def meant(rows: QuerySet[M], options: Mapping[str, Any], statuses: Collection[str]) -> tuple[QuerySet[M], Answer]:
    """The rows that a deed is for, and those of the ids that are not there.

    Ids are taken as they are, so that the deed says of each why it could not. Filters alone mean the rows in
    `statuses`, unless --status names others. CommandError when neither is given, nor --all.
    """
    if not options["all"] and not any(options.get(name) for name in NARROWING):
        raise CommandError("say which: ids, a filter, or --all", returncode=USAGE)
    chosen = narrowed(rows, options)
    if not options["ids"] and not options["status"]:
        chosen = chosen.filter(status__in=statuses)
    if options["limit"]:
        chosen = rows.filter(pk__in=list(chosen.values_list("pk", flat=True)[: options["limit"]]))
    known = set(rows.filter(pk__in=options["ids"]).values_list("pk", flat=True)) if options["ids"] else set()
    return chosen, Answer(refused={"not_found": sorted(set(options["ids"]) - known)})


def page(rows: QuerySet[M], options: dict[str, Any]) -> list[M]:
    """One more row than is to be shown."""
    options["limit"] = options["limit"] or SHOWN
    return list(narrowed(rows, options)[: options["limit"] + 1])


def sources(names: Sequence[str], reflection: str | None = None) -> QuerySet[Source]:
    """The sources of these names or ids. CommandError for one that is not there, or a name that several have."""
    found: list[int] = []
    for name in names:
        owner, _, last = name.partition("/")
        asked = Q(name=name) | Q(reflection__name=owner, name=last)
        if name.isdecimal():
            asked |= Q(pk=int(name))
        known = Source.objects.filter(asked)
        if reflection:
            known = known.filter(reflection__name=reflection)
        ids = list(known.values_list("pk", flat=True)[:2])
        if len(ids) != 1:
            problem = "there is no source" if not ids else "several sources are called"
            raise CommandError(f"{problem} {name!r}; sources list shows them all", returncode=USAGE)
        found += ids
    return Source.objects.filter(pk__in=found).order_by("pk")


def age(text: str) -> timedelta:
    """A length of time, as an option's type."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not match:
        raise ArgumentTypeError(f"{text!r} is no age: give 90s, 15m, 2h or 3d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})
