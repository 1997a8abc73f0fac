"""The page of what is in quarantine by what went wrong: probe one of a kind, release them, or give them up."""

from collections.abc import Callable
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from console.operating import begin
from console.rolling import COUNTED
from ingestion.admin import tell
from ingestion.models import IngestRun
from ingestion.quarantine import NOTE_CHARS, discard, groups
from ingestion.releasing import release
from ledger.deeds import Answer
from ledger.rendering import page as page_of
from ledger.sight import narrowed

MAY_LOOK, MAY_DECIDE = "ingestion.view_quarantine", "ingestion.change_ingestrun"
SHOWN = 100
AT_ONCE = 1_000  # runs: more are an operation
NAME = "ingestion_quarantine_groups"

Deed = Callable[[QuerySet[IngestRun], str, str], Answer]
DEEDS: dict[str, Deed] = {
    "probe": lambda runs, why, by: release(runs, by=by, why=why),
    "release": lambda runs, why, by: release(runs, by=by, why=why, probe=False),
    "discard": lambda runs, why, by: discard(runs, why, by=by),
}


class Decision(forms.Form):
    fingerprint = forms.RegexField("[0-9a-f]{1,16}")
    deed = forms.ChoiceField(choices=[(name, name) for name in DEEDS])
    why = forms.CharField(max_length=NOTE_CHARS)


def urls(site: admin.AdminSite) -> list[URLPattern]:
    def page(request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(MAY_LOOK):
            raise PermissionDenied
        if request.method == "POST":
            return _decided(request)
        found = groups(_waiting(request).order_by("-pk")[:COUNTED])
        context = {
            **site.each_context(request),
            "title": "Quarantine, by what went wrong",
            "groups": found[:SHOWN],
            "more": len(found) > SHOWN,
            "capped": sum(group.runs for group in found) >= COUNTED,
            "may_decide": request.user.has_perm(MAY_DECIDE),
        }
        return TemplateResponse(request, "console/groups.html", context)

    return [path("groups/", site.admin_view(page), name=NAME)]


def _decided(request: HttpRequest) -> HttpResponse:
    """Do the deed for all that failed this way; for more than a page can wait for, have it done.

    It is refused for those that moved on meanwhile.
    """
    if not request.user.has_perm(MAY_DECIDE):
        raise PermissionDenied
    form = Decision(request.POST)
    if form.is_valid():
        fingerprint, deed, why = (form.cleaned_data[name] for name in ("fingerprint", "deed", "why"))
        runs = _waiting(request).filter(quarantine__fingerprint=fingerprint)
        if runs[: AT_ONCE + 1].count() > AT_ONCE:
            query = urlencode({"fingerprint__exact": fingerprint})
            return redirect(page_of(begin(f"quarantine.{deed}", query, why, person=request.user, by=person(request))))
        tell(request, DEEDS[deed](runs, why, person(request)))
    else:
        messages.error(request, "Say why, in words.")
    return redirect(f"admin:{NAME}")


def _waiting(request: HttpRequest) -> QuerySet[IngestRun]:
    """The runs in quarantine that the person sees."""
    return narrowed(IngestRun.objects.filter(status="quarantined"), request.user, "reflection")


def person(request: HttpRequest) -> str:
    """Who asks, as events name it."""
    return f"admin:{request.user.get_username()}"[:80]
