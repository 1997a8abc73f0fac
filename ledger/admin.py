from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from ledger import rendering
from ledger.listing import Listing, Route, hash_prefix, number
from ledger.models import Event, Seal


def _of_row(term: str) -> Q:
    lifecycle, row_id = term.lower().split()
    return Q(lifecycle=lifecycle, row_id=int(row_id))


@admin.register(Event)
class EventAdmin(Listing[Event]):
    list_display = ("moment", "lifecycle", "row_id", "was", "new_state", "why", "by")
    searches = (
        Route("a lifecycle and a row, such as “run 12”", r"[A-Za-z]+\s+[0-9]{1,18}", _of_row),
        number("the id of a row of any lifecycle", "row_id"),
    )

    @admin.display(description="at")
    def moment(self, event: Event) -> SafeString:
        return rendering.moment(event.at)

    @admin.display(description="became")
    def new_state(self, event: Event) -> SafeString:
        return rendering.state(event.became)


@admin.register(Seal)
class SealAdmin(Listing[Seal]):
    """What is sealed of the events: `manage.py auditlog verify` computes it again."""

    list_display = ("id", "since", "until", "events", "digest")
    ordering = ("-until",)
    searches = (hash_prefix("the start of a digest", "digest"),)
