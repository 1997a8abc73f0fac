"""The pages of operations: what one would do and why it is wanted, and how far it is."""

from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from console.deeds import DEEDS, Deed, of
from console.groups import person
from console.models import Operation
from console.operating import begin, cancel, filters, preview
from ingestion.admin import WithReason, tell
from ledger import rendering
from ledger.deeds import in_pages
from ledger.listing import Listing, number
from ledger.sight import EVERYBODYS, given

WHY_CHARS = 400


class Why(forms.Form):
    why = forms.CharField(max_length=WHY_CHARS)


class WithDeeds(Listing[Any]):
    """A list whose rows something can be done with: those that are ticked, or all that match, with a reason."""

    action_form = WithReason
    actions = ()  # type: ignore[assignment]  # they come from the table

    def get_actions(self, request: HttpRequest) -> Any:
        """The deeds of the list's model that the person may do."""
        return {
            name.partition(".")[2]: (_action(deed), name.partition(".")[2], f"{deed.says}: {deed.means}")
            for name, deed in of(self.model).items()
            if request.user.has_perm(deed.may)
        }

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        deeds = [(reverse("admin:operate", args=[name]), deed) for name, deed in of(self.model).items()]
        may = [(where, deed) for where, deed in deeds if request.user.has_perm(deed.may)]
        return super().changelist_view(request, {"deeds": may, **(extra_context or {})})


def _action(deed: Deed) -> Any:
    def act(page: Listing[Any], request: HttpRequest, chosen: Any) -> None:
        if not (why := request.POST.get("why", "").strip()):
            page.message_user(request, "Say why, in words.", messages.ERROR)
            return
        tell(request, in_pages(chosen, deed.pages(by=person(request), why=why)))

    return act


class OperationPage(Listing[Operation]):
    """What was ordered for all rows of a list that match, how far it is and how it ended; and how to begin one."""

    within = EVERYBODYS
    lifecycle = "operation"
    hidden = deferred = ("ids",)
    list_display = ("id", "state", "deed", "by", "why_asked", "looked_at", "matched", "since")
    list_filter = ("status",)
    searches = (number("an operation's id"),)
    change_form_template = "console/operation.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """Who does not see every knowledge base sees what they ordered themselves, which went no further."""
        rows = super().get_queryset(request)
        return rows if given(request.user) is None else rows.filter(person=request.user.pk)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("new/<str:name>/", view(self.operate), name="operate"),
            path("<int:pk>/progress/", view(self.progress), name="operation_progress"),
            path("<int:pk>/cancel/", view(self.stop), name="operation_cancel"),
        ]
        return [*own, *super().get_urls()]

    @admin.display(description="why")
    def why_asked(self, operation: Operation) -> str:
        return operation.why

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= progress_of(context["original"], request)
        return super().render_change_form(request, context, *args, **kwargs)

    def operate(self, request: HttpRequest, name: str) -> HttpResponse:
        """What the deed would do to all rows that the address means; sent with a reason, an operation that does it."""
        deed = DEEDS.get(name)
        if deed is None:
            raise Http404
        if not request.user.has_perm(deed.may):
            raise PermissionDenied
        query, form = filters(request.META.get("QUERY_STRING", "")), Why(request.POST or None)
        try:
            if form.is_valid():
                made = begin(name, query, form.cleaned_data["why"], person=request.user, by=person(request))
                return redirect(rendering.page(made))
            would = preview(deed, query, request.user)
        except IncorrectLookupParameters:
            return redirect(f"{list_of(deed)}?e=1")
        plural = deed.model._meta.verbose_name_plural
        shown = {"title": f"{deed.says} all {plural} that match", "plural": plural, "asked": in_words(query)}
        more = {"deed": deed, "would": would, "form": form, "listed": f"{list_of(deed)}?{query}"}
        return TemplateResponse(
            request, "console/operate.html", {**self.admin_site.each_context(request), **shown, **more}
        )

    def progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What an operation's page fetches of itself to stay fresh."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        operation = get_object_or_404(self.get_queryset(request), pk=pk)
        return TemplateResponse(request, "console/progress.html", progress_of(operation, request))

    def stop(self, request: HttpRequest, pk: int) -> HttpResponse:
        operation = get_object_or_404(self.get_queryset(request), pk=pk)
        deed = DEEDS.get(operation.deed)
        if request.method != "POST" or not deed or not request.user.has_perm(deed.may):
            raise PermissionDenied
        if cancel(Operation.objects.filter(pk=pk), by=person(request)):
            self.message_user(request, "Cancelled; what was done stays done.")
        else:
            self.message_user(request, "It had ended already.", messages.WARNING)
        return redirect(rendering.page(operation))


def progress_of(operation: Operation, request: HttpRequest) -> dict[str, Any]:
    """How far it is, in numbers; `over` when nothing will change any more."""
    deed = DEEDS.get(operation.deed)
    over = operation.status not in ("waiting", "running")
    return {
        "operation": operation,
        "deed": deed,
        "asked": in_words(operation.query),
        "over": over,
        "of": max(operation.matched, operation.looked_at),
        "listed": f"{list_of(deed)}?{operation.query}" if deed else "",
        "may_cancel": bool(deed and not over and request.user.has_perm(deed.may)),
    }


def list_of(deed: Deed) -> str:
    return reverse(f"admin:{deed.model._meta.app_label}_{deed.model._meta.model_name}_changelist")


def in_words(query: str) -> str:
    """What a list's address asks, for people."""
    asked = [(name.removesuffix("__exact").replace("__", " "), value) for name, value in parse_qsl(query)]
    return (
        ", ".join(f"{'search' if name == 'q' else name} “{value}”" for name, value in asked) or "no filter: all of them"
    )
