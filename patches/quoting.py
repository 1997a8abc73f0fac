"""What the page of a fact shows beside its columns, and what the list of facts can be narrowed to."""

from typing import Any

from django.contrib import admin
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.safestring import SafeString

from ledger import rendering
from patches.facts import View, facts
from patches.models import Fact

QUOTES_SHOWN = 20


class InForce(admin.SimpleListFilter):
    """What is known now and holds now."""

    title = "in force"
    parameter_name = "in_force"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("now", "now")]

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.filter(sys__upper_inf=True, valid__contains=Now()) if self.value() else queryset


def quotes(fact: Fact) -> SafeString:
    """What it rests on, or rested on while it was known: each quote, with its documents and the way to their batch."""
    found = facts(fact.reflection_id, ids=[fact.pk], seen=View(history=True), evidence=QUOTES_SHOWN)
    return rendering.table(
        ["words", "document"],
        [
            (
                said.quote,
                rendering.anchor(
                    reverse("admin:patches_patchbatch_change", args=[said.batch]),
                    ", ".join(said.documents) or said.title,
                ),
            )
            for one in found
            for said in one.evidence
        ],
    )
