"""Admin lists over tables of millions of rows: read-mostly, never counted whole, searched by the shape of the term."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.postgres.fields import RangeField
from django.core.cache import caches
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from ledger import rendering
from ledger.chips import Narrowed
from ledger.edits import Edited
from ledger.history import history
from ledger.models import Event
from ledger.sight import given, narrowed

M = TypeVar("M", bound=models.Model)

COUNTED = 10_000
LINK_CHARS = 30
FEW = 50  # rows of another table to choose from
FRESH_S = 30


class CappedPaginator(Paginator[Any]):
    """Counts, and so pages through, the first COUNTED rows; `capped` says that there are more."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: COUNTED + 1].count())

    @property
    def count(self) -> int:
        return min(self._counted, COUNTED)

    def page(self, number: Any) -> Page[Any]:
        """The rows of a page, found by their keys first: those that are passed over are not joined to anything."""
        page = super().page(number)
        rows: Any = self.object_list
        start = (page.number - 1) * self.per_page
        keys = rows.select_related(None).values("pk")[start : start + self.per_page]
        page.object_list = rows.filter(pk__in=keys)
        return page

    @property
    def capped(self) -> bool:
        return self._counted > COUNTED


@dataclass(frozen=True)
class Route:
    """What a search term may look like, in words and as a pattern, and the indexed question that it asks."""

    says: str
    shape: str
    asks: Callable[[str], Q]


def number(says: str, lookup: str = "pk") -> Route:
    return Route(says, r"[0-9]{1,18}", lambda term: Q(**{lookup: int(term)}))


def uuid(says: str, lookup: str = "pk") -> Route:
    return Route(says, r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lambda term: Q(**{lookup: term}))


def hash_prefix(says: str, lookup: str) -> Route:
    return Route(says, r"(?i)[0-9a-f]{8,64}", lambda term: Q(**{f"{lookup}__startswith": term.lower()}))


def text_prefix(says: str, lookup: str, prepare: Callable[[str], str] = str) -> Route:
    return Route(says, r".+", lambda term: Q(**{f"{lookup}__startswith": prepare(term)}))


class ChosenRow(admin.RelatedFieldListFilter):
    """Names the row that a link narrowed the list to, with the way back; lists no table, and is absent otherwise."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        if not self.lookup_val:
            return []
        try:
            chosen = _seen(field.remote_field.model, model_admin, request).filter(pk=self.lookup_val[-1]).first()
        except (ValueError, ValidationError) as problem:
            raise IncorrectLookupParameters from problem
        return [(str(self.lookup_val[-1]), str(chosen))]

    def has_output(self) -> bool:
        return bool(self.lookup_choices)

    @property
    def include_empty_choice(self) -> bool:
        return False


class FewRows(ChosenRow):
    """Lists the rows that the person sees, as they were a moment ago, as long as they are few; else as ChosenRow."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        chosen = super().field_choices(field, request, model_admin)
        model = field.remote_field.model
        seen = given(request.user)
        known = "all" if seen is None else "-".join(map(str, sorted(seen)))
        key = f"few-{model._meta.label_lower}-{sha256(known.encode()).hexdigest()}"
        few = caches["process"].get(key)
        if few is None:
            few = sorted((str(row.pk), str(row)) for row in _seen(model, model_admin, request)[: FEW + 1])
            caches["process"].set(key, few, FRESH_S)
        return chosen if len(few) > FEW else sorted({*few, *chosen}, key=lambda one: one[1])


def _seen(model: type[models.Model], model_admin: Any, request: HttpRequest) -> models.QuerySet[Any]:
    """The rows of the model as its own page would list them."""
    page = model_admin.admin_site._registry.get(model)
    rows: models.QuerySet[Any] = page.get_queryset(request) if page else model._default_manager.all()
    return rows


class ReasonFilter(admin.ChoicesFieldListFilter):
    """The codes, which are short, in place of their meanings."""

    def choices(self, changelist: Any) -> Any:
        for choice, (code, _) in zip(super().choices(changelist), [("", ""), *self.field.flatchoices], strict=False):
            yield {**choice, "display": code or choice["display"]}


class Listing(Edited[M]):
    """A table as operators see it: nothing is added or deleted here, and only `editable` fields are changed.

    `within` leads from a row to its knowledge base, for those who do not see all of them.
    `leads` and `shows` name what a row's page has above and below its columns, `hidden` the columns that nobody reads,
    `searches` the routes that a search term is tried on, in order; a term that fits none finds nothing.
    """

    within: ClassVar[str | None] = None
    editable: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()
    deferred: ClassVar[tuple[str, ...]] = ()
    leads: ClassVar[tuple[str, ...]] = ()
    shows: ClassVar[tuple[str, ...]] = ()
    searches: ClassVar[tuple[Route, ...]] = ()
    lifecycle: ClassVar[str] = ""

    actions = None
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    list_select_related: ClassVar[tuple[str, ...]] = ()
    sortable_by = ()
    paginator = CappedPaginator
    list_per_page = list_max_show_all = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "ledger/listing.html"
    empty_value_display = "-"

    class Media:
        css = {"all": ["ledger/listing.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return bool(self.editable) and super().has_change_permission(request, obj)

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        """An action is for rows that were ticked: of a long list the first are named, and “all” would mean others."""
        if request.POST.get("select_across", "0") != "0":
            self.message_user(request, "Tick rows; what is for all that match has a page of its own.", messages.ERROR)
            return None
        return super().response_action(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:  # noqa: ARG002
        """Write what was edited and nothing else: the other columns may have moved on since the page was shown."""
        obj.save(update_fields=form.changed_data)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[M]:
        rows = narrowed(super().get_queryset(request), request.user, self.within).defer(*self.deferred)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Narrowed]:  # noqa: ARG002
        return Narrowed

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        links = [field for field in self.model._meta.fields if isinstance(field, models.ForeignKey)]
        return [*super().get_list_filter(request), *((field.name, ChosenRow) for field in links)]

    def get_search_fields(self, request: HttpRequest) -> list[str]:  # noqa: ARG002
        return [route.says for route in self.searches]

    @property
    def search_help_text(self) -> str:  # type: ignore[override]  # it follows from the routes
        return f"Finds {', or '.join(route.says for route in self.searches)}."

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: models.QuerySet[M],
        search_term: str,
    ) -> tuple[models.QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        for route in self.searches:
            if re.fullmatch(route.shape, term):
                return queryset.filter(route.asks(term)), False
        return queryset.none(), False

    def get_fields(self, request: HttpRequest, obj: M | None = None) -> list[Any]:  # noqa: ARG002
        columns = [field for field in self.model._meta.fields if field.name not in self.hidden]
        more = [*self.shows, *(["events"] if self.lifecycle else []), "related"]
        editable = self.editable_by(request)
        return [*self.leads, *(one.name if one.name in editable else _readable(one) for one in columns), *more]

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> list[Any]:
        return [field for field in self.get_fields(request, obj) if field not in self.editable_by(request)]

    def editable_by(self, request: HttpRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Which of the `editable` fields are this person's to change."""
        return self.editable

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A row with a lifecycle has its history in the ledger."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if not self.lifecycle:
            return super().history_view(request, object_id, extra_context)
        return redirect(self._told_of(object_id))

    def _told_of(self, row_id: Any) -> str:
        """The address of all events of a row."""
        return f"{_address(Event)}?{urlencode({'q': f'{self.lifecycle} {row_id}'})}"

    @admin.display(description="status", ordering="status")
    def state(self, row: Any) -> SafeString:
        return rendering.state(row.status)

    @admin.display(description="reason")
    def why(self, row: Any) -> SafeString:
        return rendering.titled(row.reason, row.get_reason_display())

    @admin.display(description="events")
    def events(self, row: M) -> SafeString:
        return history(self.lifecycle, row.pk, self._told_of(row.pk))

    @admin.display(description="see also")
    def related(self, row: M) -> SafeString:
        """Links to the lists of what points to this row, whichever app it is of."""
        links = [
            rendering.anchor(
                f"{_address(relation.related_model)}?{relation.field.name}__{row._meta.pk.name}__exact={row.pk}",
                capfirst(str(relation.related_model._meta.verbose_name_plural)) + _role(relation),
            )
            for relation in row._meta.related_objects
            if self.admin_site.is_registered(relation.related_model)
        ]
        return rendering.listed(links)


def _address(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _role(relation: Any) -> str:
    """As what they point here, where the name of the column says more than the name of the table."""
    plain = relation.model._meta.model_name
    return "" if relation.field.name in plain else f" ({relation.field.verbose_name})"


def linked(path: str, title: str = "") -> Callable[[Any], SafeString]:
    """A column that links to the row that `path` leads to, such as `handoff.reference`."""
    steps = path.split(".")

    @admin.display(description=title or steps[-1].replace("_", " "), empty_value="-")
    def column(row: Any) -> SafeString:
        for step in steps:
            row = getattr(row, step, None)
        return rendering.link(row, most=LINK_CHARS)

    return column


def span(name: str) -> Callable[[Any], SafeString]:
    """A column that is a range."""
    return _rendered(name, rendering.span)


def _readable(field: Any) -> Any:
    """A field as a row's page names it: itself, unless Django shows it as Python would."""
    for kind, render in ((models.JSONField, rendering.json), (RangeField, rendering.span)):
        if isinstance(field, kind):
            return _rendered(field.name, render)
    return field.name


@cache  # the page asks twice, and compares what it gets
def _rendered(name: str, render: Callable[[Any], SafeString]) -> Callable[[Any], SafeString]:
    @admin.display(description=name.replace("_", " "))
    def column(row: Any) -> SafeString:
        return render(getattr(row, name))

    column.__name__ = name
    return column
