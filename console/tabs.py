"""Tabs above a list: its usual views, and those that a person saved. Each is an address; the last one is remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from console.models import SavedView
from console.operating import filters
from ledger.listing import Listing

ALL = "All"
MOST = 20  # views that a person saves of one list


@dataclass(frozen=True)
class Tab:
    """A view by its name: what the list's address says after the question mark. `saved` is its id, if it was saved."""

    name: str
    query: str
    saved: int | None = None

    def shows(self, query: str) -> bool:
        return sorted(parse_qsl(self.query)) == sorted(parse_qsl(query))


class Named(forms.ModelForm[SavedView]):
    class Meta:
        model = SavedView
        fields = ("name", "query")

    def clean_query(self) -> str:
        return filters(self.cleaned_data["query"])


class WithTabs(Listing[Any]):
    """A list with its `views`: names and addresses."""

    views: ClassVar[Mapping[str, str]] = {}
    change_list_template = "console/listing.html"

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path("last/", view(self.last), name=f"{name}_last"),
            path("views/", view(require_POST(self.save_view)), name=f"{name}_save_view"),
            path("views/<int:pk>/forget/", view(require_POST(self.forget_view)), name=f"{name}_forget_view"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        query = filters(request.META.get("QUERY_STRING", ""))
        tabs = self.tabs(request)
        current = next((tab for tab in tabs if tab.shows(query)), None)
        here = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        shown = {"tabs": tabs, "current": current, "asked": query, "save_view": reverse(f"{here}_save_view")}
        if current and current.saved:
            shown["forget_view"] = reverse(f"{here}_forget_view", args=[current.saved])
        answer = super().changelist_view(request, {**shown, **(extra_context or {})})
        if current and isinstance(answer, TemplateResponse):
            self._remember(request, current.query)
        return answer

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        """The list's own views, all of it, and what the person saved. One statement."""
        saved = self._saved(request).order_by("name").values_list("name", "query", "pk")
        return [*(Tab(*view) for view in self.views.items()), Tab(ALL, ""), *(Tab(*view) for view in saved)]

    def last(self, request: HttpRequest) -> HttpResponse:
        """The view that the person looked at last; all of the list at first."""
        self._may_look(request)
        return self._to(request.session.get(self._kept_as, ""))

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """Keep a view under a name, in the place of the one that was called so."""
        self._may_look(request)
        form = Named(request.POST)
        if not form.is_valid():
            messages.error(request, "Give it a name of at most 40 letters.")
            return self._to(filters(request.POST.get("query", "")))
        name, query = form.cleaned_data["name"], form.cleaned_data["query"]
        if self._saved(request).exclude(name=name).count() >= MOST:
            messages.error(request, f"{MOST} views of this list are saved: forget one first.")
        else:
            kept = {"person_id": request.user.pk, "listed": self.opts.label_lower, "name": name}
            SavedView.objects.update_or_create(**kept, defaults={"query": query})
        return self._to(query)

    def forget_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Forget a view of one's own; nothing happens to the rows."""
        self._may_look(request)
        self._saved(request).filter(pk=pk).delete()
        self._remember(request, "")
        return self._to("")

    def _saved(self, request: HttpRequest) -> Any:
        return SavedView.objects.filter(person=request.user.pk, listed=self.opts.label_lower)

    def _may_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _to(self, query: str) -> HttpResponse:
        listed = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return redirect(f"{listed}?{query}" if query else listed)

    @property
    def _kept_as(self) -> str:
        return f"view of {self.opts.label_lower}"

    def _remember(self, request: HttpRequest, query: str) -> None:
        if request.session.get(self._kept_as, "") != query:
            request.session[self._kept_as] = query
