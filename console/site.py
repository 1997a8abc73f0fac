"""The stock admin with a home page of its own, and what all its pages share."""

import re
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.cache import never_cache

from console.bounding import bounded
from console.finding import go
from console.keeping import kept
from console.overview import RANGES, Overview, look
from console.verdict import verdict
from handoffs.models import Source
from ledger import sight
from ledger.edits import note
from ledger.reasons import Reason
from ledger.sight import narrowed

FRESH_S = 5  # all who look within so long see the same
USUAL = "24h"
MAY_LOOK = "ingestion.view_ingestrun"


class Site(AdminSite):
    """Sluicegate's admin."""

    site_header = site_title = "Sluicegate"
    index_title = "Overview"
    index_template = "console/home.html"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return super().admin_view(bounded(view), cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path("overview/", self.admin_view(never_cache(self.overview)), name="overview"),
            path("kept/", self.admin_view(self.kept), name="kept"),
            path("go/", self.admin_view(never_cache(self.go)), name="go"),
        ]
        return [*own, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The home page: the overview for who may see runs, and the tables that the person may see."""
        shown = overview_of(request) if request.user.has_perm(MAY_LOOK) else {}
        return super().index(request, {**shown, **(extra_context or {})})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """One's own password; that it was changed is in the audit log."""
        with transaction.atomic():
            answer = super().password_change(request, extra_context)
            if isinstance(request.user, User) and answer.status_code == HTTPStatus.FOUND:
                note(request.user, Reason.EDITED, by=f"admin:{request.user.get_username()}", words="password")
        return answer

    def go(self, request: HttpRequest) -> HttpResponse:
        """Straight to what the address names in `q`."""
        return go(self, request)

    def kept(self, request: HttpRequest) -> TemplateResponse:
        """What is kept and how long: for who may see runs, of all knowledge bases."""
        if not request.user.has_perm(MAY_LOOK) or sight.given(request.user) is not None:
            raise PermissionDenied
        context = {**self.each_context(request), "title": "What is kept, and how long", "kept": kept()}
        return TemplateResponse(request, "console/kept.html", context)

    def overview(self, request: HttpRequest) -> TemplateResponse:
        """The overview alone: what the home page fetches of itself to stay fresh."""
        if not request.user.has_perm(MAY_LOOK):
            raise PermissionDenied
        return TemplateResponse(request, "console/overview.html", overview_of(request))


def overview_of(request: HttpRequest) -> dict[str, Any]:
    """What the address asks for: `range`, one of RANGES, and `source`, an id. Nonsense means the usual."""
    range_ = RANGES.get(request.GET.get("range", ""), RANGES[USUAL])
    given = request.GET.get("source", "")
    known = narrowed(Source.objects.all(), request.user, "reflection")
    source = known.filter(pk=given).first() if re.fullmatch("[0-9]{1,18}", given) else None
    all_of_them = sight.given(request.user) is None
    theirs = None if all_of_them else tuple(known.order_by("pk").values_list("pk", flat=True))
    seen = see(range_.name, source.pk if source else None, theirs)
    return {"seen": seen, "verdict": verdict(seen), "ranges": list(RANGES), "source": source, "whole": all_of_them}


def see(range_name: str, source: int | None, theirs: tuple[int, ...] | None) -> Overview:
    """What was seen a moment ago, or is now: by those who see the same sources."""
    key = f"overview-{range_name}-{source}-{sha256(repr(theirs).encode()).hexdigest()}"
    seen: Overview | None = caches["process"].get(key)
    if seen is None:
        seen = look(RANGES[range_name], source, theirs)
        caches["process"].set(key, seen, FRESH_S)
    return seen
