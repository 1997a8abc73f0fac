from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from ledger import rendering
from ledger.listing import Listing, Route, hash_prefix, number
from ledger.models import ASKING, Event, Seal, asked_for
from ledger.sight import EVERYBODYS

NOTE_CHARS = 60


def _of_row(term: str) -> Q:
    lifecycle, row_id = term.lower().split()
    return Q(lifecycle=lifecycle, row_id=int(row_id))


def _by(term: str) -> Q:
    name = term.split(maxsplit=1)[1]
    return asked_for() & (Q(by__in=[f"{kind}{name}" for kind in ASKING]) | Q(by__startswith=f"admin:{name} by "))


class Asked(admin.SimpleListFilter):
    title = "who"
    parameter_name = "who"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("asked", "a person or program asked")]

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.filter(asked_for()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(Listing[Event]):
    within = EVERYBODYS
    list_display = ("moment", "lifecycle", "row_id", "was", "new_state", "why", "by", "said")
    list_filter = (Asked,)
    searches = (
        Route("a lifecycle and a row, such as “run 12”", r"(?!by\s)[A-Za-z]+\s+[0-9]{1,18}", _of_row),
        Route("who asked, such as “by ann”", r"by\s+\S+", _by),
        number("the id of a row of any lifecycle", "row_id"),
        Route("a request's id", r"[\w.:/+=-]{1,64}", lambda term: ~Q(request_id="") & Q(request_id=term)),
    )

    @admin.display(description="note")
    def said(self, event: Event) -> SafeString:
        return rendering.titled(Truncator(event.note or "-").chars(NOTE_CHARS), event.note)

    @admin.display(description="at")
    def moment(self, event: Event) -> SafeString:
        return rendering.moment(event.at)

    @admin.display(description="became")
    def new_state(self, event: Event) -> SafeString:
        return rendering.state(event.became)


@admin.register(Seal)
class SealAdmin(Listing[Seal]):
    """What is sealed of the events: `manage.py auditlog verify` computes it again."""

    within = EVERYBODYS
    list_display = ("id", "since", "until", "events", "digest")
    ordering = ("-until",)
    searches = (hash_prefix("the start of a digest", "digest"),)
