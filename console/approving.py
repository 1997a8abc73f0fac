"""Purges in the console: asked for with a reason, and where two persons are needed, agreed to by another one."""

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from console import groups
from console.items import ItemPage
from handoffs.models import Reference, Source
from ingestion import approvals
from ingestion.admin import WithReason, tell
from ingestion.models import Approval
from ingestion.purging import bar, bar_source
from ingestion.sync import SyncBusy
from ledger import rendering
from ledger.listing import Listing, linked, number

AT_ONCE = 1_000  # items

admin.site.unregister(Reference)


@admin.register(Reference)
class ReferencePage(ItemPage):
    """The items of the sources; some may be erased for good."""

    action_form = WithReason
    actions = ("purge",)  # type: ignore[assignment]  # a listing has none

    def has_purge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(approvals.MAY_PURGE)

    @admin.action(description="Purge: erase for good", permissions=["purge"])
    def purge(self, request: HttpRequest, chosen: QuerySet[Reference]) -> None:
        if len(ids := list(chosen.order_by().values_list("pk", flat=True)[: AT_ONCE + 1])) > AT_ONCE:
            messages.error(request, f"At most {AT_ONCE:,} at once; or purge their source.")
            return
        items = Reference.objects.filter(pk__in=ids)
        if why := wanted(request, items):
            bar(items, by=groups.person(request), reason=why)
            messages.success(request, f"{len(ids)} are being erased.")


@admin.register(Approval)
class ApprovalPage(Listing[Approval]):
    """What waits for a second person, and what became of it."""

    within = "source__reflection"
    lifecycle = "approval"
    list_display = ("id", "state", linked("source"), "size", "why", "asked_by", "decided_by", "expires_at")
    list_filter = ("status",)
    list_select_related = ("source__reflection", "asked_by", "decided_by")
    searches = (number("an approval's id"),)
    action_form = WithReason
    actions = ("confirm", "refuse")  # type: ignore[assignment]  # a listing has none

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(approvals.MAY_PURGE)

    @admin.display(description="items")
    def size(self, approval: Approval) -> str:
        return str(len(approval.references) or "all")

    @admin.display(description="status")
    def state(self, approval: Approval) -> SafeString:
        return rendering.state(approval.status)

    @admin.action(description="Confirm: have it done, for who did not ask", permissions=["decide"])
    def confirm(self, request: HttpRequest, chosen: QuerySet[Approval]) -> None:
        tell(request, approvals.confirm(chosen, person=person(request), by=groups.person(request)))

    @admin.action(description="Refuse", permissions=["decide"])
    def refuse(self, request: HttpRequest, chosen: QuerySet[Approval]) -> None:
        if not (why := request.POST.get("why", "").strip()):
            messages.error(request, "Say why, in words.")
            return
        tell(request, approvals.refuse(chosen, why, person=person(request), by=groups.person(request)))


def purge_sources(request: HttpRequest, chosen: QuerySet[Source]) -> None:
    """Have all of the sources erased, or ask a second person to agree."""
    for source in chosen:
        try:
            if why := wanted(request, source):
                bar_source(source, by=groups.person(request), reason=why)
                messages.success(request, f"{source} is being erased, and is paused.")
        except SyncBusy as busy:
            messages.error(request, f"{busy}; it is paused: try again once that has ended.")


def wanted(request: HttpRequest, what: Source | QuerySet[Reference]) -> str:
    """Why it is to be purged at once; empty if nobody said why, or if a second person has been asked."""
    why = str(request.POST.get("why", "")).strip()
    if not why:
        messages.error(request, "Say why, in words.")
    elif approvals.persons_needed() > 1:
        for asked in approvals.ask(what, why, person=person(request), by=groups.person(request)):
            messages.warning(request, f"{asked} waits until another person confirms it.")
        return ""
    return why


def person(request: HttpRequest) -> User:
    found = request.user
    assert isinstance(found, User)  # noqa: S101  the site lets nobody else in
    return found
