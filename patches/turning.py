"""The page on which a person reverts or restores a batch: the plan first, then the reason."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from ledger import rendering
from ledger.commands import spoken
from ledger.sight import narrowed
from patches.changes import FactChange
from patches.faces import period
from patches.models import PatchBatch
from patches.revert import Turned, restore, revert

SHOWN = 200

DEEDS: dict[str, tuple[Callable[..., Turned], str]] = {
    "revert": (revert, "What the batch brought is taken back, and stays out until somebody restores it."),
    "restore": (restore, "The batch counts again: at once where its documents say nothing later."),
}


class Why(forms.Form):
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Kept with the batch.")


def urls(site: admin.AdminSite) -> list[URLPattern]:
    return [
        path(f"<int:pk>/{deed}/", site.admin_view(_page(site, deed)), name=f"patches_patchbatch_{deed}")
        for deed in DEEDS
    ]


def _page(site: admin.AdminSite, deed: str) -> Callable[..., HttpResponse]:
    do, says = DEEDS[deed]

    def page(request: HttpRequest, pk: int) -> HttpResponse:
        if not request.user.has_perm("patches.change_patchbatch"):
            raise PermissionDenied
        batch = get_object_or_404(narrowed(PatchBatch.objects.all(), request.user, "reflection"), pk=pk)
        chosen = PatchBatch.objects.filter(pk=pk)
        by = f"admin:{request.user.get_username()}"[:80]
        form = Why(request.POST or None)
        if form.is_valid():
            done = do(chosen, by=by, reason=form.cleaned_data["reason"])
            messages.success(request, _counts(done))
            return redirect(rendering.page(batch))
        plan = do(chosen, by=by, reason="a plan", dry_run=True)
        context: dict[str, Any] = {
            **site.each_context(request),
            "title": deed.capitalize(),
            "batch": batch,
            "page": rendering.page(batch),
            "says": says,
            "plan": plan,
            "counts": _counts(plan),
            "closed": _table(plan.closed),
            "opened": _table(plan.opened),
            "form": form,
        }
        return TemplateResponse(request, "patches/turn.html", context)

    return page


def _counts(turned: Turned) -> str:
    """Which batches became what, or would, in one line."""
    counts = turned.batches.counts()
    done = [f"{count} {spoken(name)}" for name, count in counts["done"].items()]
    left = [f"{count} left alone: {spoken(name)}" for name, count in counts["refused"].items()]
    return ", ".join(done + left) or "nothing"


def _table(changes: Sequence[FactChange]) -> SafeString:
    rows = [(one.subject, one.predicate, one.object, period(one)) for one in changes[:SHOWN]]
    return rendering.table(["subject", "predicate", "object", "when"], rows)
