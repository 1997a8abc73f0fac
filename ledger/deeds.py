"""What an operator's deed answers, and how it goes through many rows without one long transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction

PAGE = 1_000

Ids = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Answer:
    """Which rows were dealt with, by what was done with them, and which were not, by why not."""

    done: Ids = field(default_factory=dict)
    refused: Ids = field(default_factory=dict)

    def __add__(self, other: "Answer") -> "Answer":
        return Answer(_joined(self.done, other.done), _joined(self.refused, other.refused))

    def of(self, what: str) -> list[int]:
        """The ids with which this was done, or that were refused for this."""
        return [*self.done.get(what, ()), *self.refused.get(what, ())]

    def counts(self) -> dict[str, dict[str, int]]:
        return {"done": _counted(self.done), "refused": _counted(self.refused)}


# Does a deed for a page of ids, and needs a transaction: what is done to one page is done as a whole, or not at all.
Page = Callable[[list[int]], Answer]


def in_pages(rows: models.QuerySet[Any], deed: Page, *, dry_run: bool = False) -> Answer:
    """Do the deed for the ids of the rows, PAGE of them in one transaction, in their order.

    Stopped half-way, the pages before are done. With `dry_run` each page is rolled back: the answer is what would be.
    """
    told, last = Answer(), 0
    while True:
        with transaction.atomic(durable=True):
            ids = list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:PAGE])
            if ids:
                told += deed(ids)
            if dry_run:
                transaction.set_rollback(True)
        if len(ids) < PAGE:
            return told
        last = ids[-1]


def _joined(one: Ids, other: Ids) -> dict[str, list[int]]:
    both = {name: [*one.get(name, ()), *other.get(name, ())] for name in {**one, **other}}
    return {name: ids for name, ids in both.items() if ids}


def _counted(found: Ids) -> dict[str, int]:
    return {name: len(ids) for name, ids in sorted(found.items()) if ids}
