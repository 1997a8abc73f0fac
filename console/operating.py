"""Deeds for all rows of a list that match: what would happen is said first, then whoever is on duty works it off.

Each page is one transaction, which deals with its rows, adds to the counts and moves the position. So an operation that
was cut off goes on where it was, on another machine if need be.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from console.deeds import DEEDS, Deed
from console.lifecycles import OPEN, OPERATION
from console.models import Operation
from ingestion.filters import held_still
from ledger import statements
from ledger.crashpoints import reached
from ledger.deeds import Answer, in_pages
from ledger.models import Event
from ledger.reasons import Reason

TRIED_FIRST = 2_000  # rows that the deed is tried on, before somebody decides
BUDGET_S = 0.5  # of one of the dispatcher's rounds
TRIES = 5  # of one page: then it is the page that does not work
WORKER = "dispatcher"
NO_FILTERS = ("p", "o", "e", "all", "_changelist_filters")
MEANT = "SELECT unnest(ids) FROM console_operation WHERE id = %s"
ASKED_BY = "SELECT set_config('sluicegate.request_id', %s, true)"


class Rows(ChangeList):
    """The rows that a list's address means, without a page of them."""

    def get_results(self, request: HttpRequest) -> None:
        """Nothing is shown."""


@dataclass(frozen=True)
class Preview:
    """What an operation would do: `tried` of the `matched` rows were looked at, with this answer."""

    matched: int
    tried: int
    done: Mapping[str, int]
    refused: Mapping[str, int]

    @property
    def possible(self) -> int:
        """How many of those that were tried something would be done with; all, as far as is known, if not all were."""
        return sum(self.done.values()) if self.tried == self.matched else self.matched


def filters(query: str) -> str:
    """The part of a list's address that says which rows are meant."""
    asked = QueryDict(query, mutable=True)
    for name in NO_FILTERS:
        asked.pop(name, None)
    return asked.urlencode()


def matching(deed: Deed, query: str, person: Any) -> QuerySet[Any]:
    """The rows that the person's list shows at this address. Raises IncorrectLookupParameters for nonsense."""
    request = HttpRequest()
    request.method, request.GET, request.user = "GET", QueryDict(filters(query)), person
    page = admin.site.get_model_admin(deed.model)
    listed = page.get_list_filter(request)
    rows = Rows(
        request, deed.model, ["pk"], [], listed, None, page.get_search_fields(request), False, 1, 1, [], page, (), ""
    )  # fmt: skip
    found: QuerySet[Any] = rows.queryset.order_by("pk")
    return found


def preview(deed: Deed, query: str, person: Any) -> Preview:
    """Try the deed on the first rows that match, and take it back."""
    rows = matching(deed, query, person)
    first = list(rows.values_list("pk", flat=True)[:TRIED_FIRST])
    told = in_pages(deed.model._default_manager.filter(pk__in=first), deed.pages(by="", why="a trial"), dry_run=True)
    counts = told.counts()
    matched = len(first) if len(first) < TRIED_FIRST else rows.count()
    return Preview(matched, len(first), counts["done"], counts["refused"])


def begin(name: str, query: str, why: str, *, person: User | AnonymousUser, by: str) -> Operation:
    """Have the deed done for all rows that match now. Raises PermissionDenied, and ValueError for no reason."""
    deed = DEEDS[name]
    if person.is_anonymous or not person.has_perm(deed.may):
        raise PermissionDenied
    if not why.strip():
        raise ValueError("say why, in words")
    highest = deed.model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0
    rows = matching(deed, query, person)
    ids = list(rows.values_list("pk", flat=True)) if deed.fixed else None
    matched = rows.count() if ids is None else len(ids)
    with transaction.atomic(durable=True):
        made = Operation.objects.create(
            deed=name,
            query=held_still(filters(query), timezone.now()),
            why=why.strip(),
            person=person,
            by=by,
            upto=highest,
            matched=matched,
            ids=ids,
        )
        told = {"reason": Reason.ASKED_FOR, "by": by, "note": f"{name}: {made.why}"}
        Event.objects.create(lifecycle=OPERATION.name, row_id=made.pk, was="waiting", became="waiting", **told)
    return made


def cancel(operations: QuerySet[Operation], *, by: str, why: str = "") -> list[int]:
    """Stop operations after the page that they are at; return those that had not ended. What is done stays done."""
    return OPERATION.move(operations, was=OPEN, to="cancelled", reason=Reason.CANCELLED, by=by, note=why)


def work() -> None:
    """Go on with the oldest operation, for a moment: a chore of who is on duty."""
    until = time.monotonic() + BUDGET_S
    while (operation := _take()) is not None:
        _go_on(operation)
        if time.monotonic() > until:
            return


def _take() -> int | None:
    """The oldest operation that has not ended, with one try more noted; None if there is none, or others are at it.

    Noted apart: a page that ends the process, or breaks, is not begun for ever.
    """
    with transaction.atomic(durable=True):
        waiting = Operation.objects.filter(status__in=OPEN).defer("ids").order_by("pk")
        found = waiting.select_for_update(skip_locked=True).first()
        if found is None:
            return None
        row = Operation.objects.filter(pk=found.pk)
        if found.tries >= TRIES:
            OPERATION.move(row, was={"running"}, to="failed", reason=Reason.POLICY_GAVE_UP, by=WORKER)
            return None
        row.update(tries=F("tries") + 1)
        OPERATION.move(row, was={"waiting"}, to="running", reason=Reason.STARTED, by=WORKER)
        return found.pk


def _go_on(pk: int) -> None:
    """Deal with the next page."""
    with transaction.atomic(durable=True):
        found = Operation.objects.select_for_update().filter(pk=pk, status="running").defer("ids").first()
        if found is None:
            return
        row, deed = Operation.objects.filter(pk=pk), DEEDS[found.deed]
        if not found.person.has_perm(deed.may):
            OPERATION.move(row, was={"running"}, to="cancelled", reason=Reason.NOT_ALLOWED, by=WORKER)
            return
        statements.rows(ASKED_BY, [found.request_id])
        ids = list(_left(found, deed).values_list("pk", flat=True)[: deed.at_once])
        told = deed.pages(by=found.by, why=found.why)(ids) if ids else Answer()
        counts = told.counts()
        row.update(
            position=ids[-1] if ids else found.upto,
            looked_at=F("looked_at") + len(ids),
            done=_added(found.done, counts["done"]),
            refused=_added(found.refused, counts["refused"]),
            tries=0,
        )
        if len(ids) < deed.at_once:
            OPERATION.move(row, was={"running"}, to="done", reason=Reason.DEALT_WITH, by=WORKER)
        reached("operation.before_commit")


def _left(operation: Operation, deed: Deed) -> QuerySet[Any]:
    """The rows that are still to be dealt with, in their order."""
    rows = matching(deed, "" if deed.fixed else operation.query, operation.person)
    if deed.fixed:
        rows = rows.filter(pk__in=RawSQL(MEANT, [operation.pk]))  # noqa: S611  a constant
    return rows.filter(pk__gt=operation.position, pk__lte=operation.upto)


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
