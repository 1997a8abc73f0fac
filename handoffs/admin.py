from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from handoffs.models import ApiToken, Grant, Handoff, Payload, Reference, Reflection, Secret, Source, Submission
from ledger.listing import Listing, ReasonFilter, hash_prefix, linked, number, text_prefix, uuid
from ledger.sight import EVERYBODYS, given


@admin.register(Reflection)
class ReflectionAdmin(Listing[Reflection]):
    within = "pk"
    list_display = ("name", "created_at")
    searches = (text_prefix("the start of a name", "name"),)


@admin.register(Source)
class SourceAdmin(Listing[Source]):
    within = "reflection"
    editable: ClassVar[tuple[str, ...]] = ("priority", "weight", "trust")
    list_display = (
        "name",
        linked("reflection"),
        "kind",
        "priority",
        "weight",
        "trust",
        "paused",
        "synced_at",
        "last_error",
    )
    list_filter = ("paused", "priority")
    list_select_related = ("reflection",)
    searches = (number("a source's id"), text_prefix("the start of its name", "name"))

    def editable_by(self, request: HttpRequest) -> tuple[str, ...]:
        """Whose word stands is not the operator's to say: the gate goes by it."""
        may = request.user.has_perm("handoffs.trust_source")
        return tuple(name for name in super().editable_by(request) if may or name != "trust")


@admin.register(Grant)
class GrantAdmin(Listing[Grant]):
    """Who allowed that a source is taken in; given and withdrawn by command."""

    within = "source__reflection"
    list_display = (
        "id",
        linked("source"),
        "scope",
        "granted_by",
        "granted_at",
        "expires_at",
        "revoked_at",
        "revoked_by",
    )
    list_select_related = ("source__reflection",)
    searches = (number("a source's id", "source"),)


@admin.register(Secret)
class SecretAdmin(Listing[Secret]):
    """That there is one, and whose; what it is nobody is shown again."""

    within = "source__reflection"
    list_display = ("name", linked("source"), "set_by", "set_at")
    list_select_related = ("source__reflection",)
    hidden = ("sealed",)
    deferred = ("sealed",)
    searches = (number("a source's id", "source"),)


@admin.register(Payload)
class PayloadAdmin(Listing[Payload]):
    within = EVERYBODYS
    list_display = ("payload_hash", "size_bytes", "created_at")
    searches = (hash_prefix("the start of a payload's hash", "payload_hash"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payload]:
        """Equal bytes are stored once: whoever sees one of their items sees them."""
        rows, seen = super().get_queryset(request), given(request.user)
        theirs = Handoff.objects.filter(payload=OuterRef("pk"), source__reflection__in=seen or ())
        return rows if seen is None else rows.filter(Exists(theirs))


class Gone(admin.SimpleListFilter):
    title = "presence"
    parameter_name = "gone"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("1", "gone")]

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.exclude(gone_at=None) if self.value() else queryset


@admin.register(Reference)
class ReferenceAdmin(Listing[Reference]):
    within = "source__reflection"
    list_display = ("external_id", linked("source"), "media_type", "seen_at", "applied_at", "gone_at", "reason")
    list_filter = (Gone,)
    list_select_related = ("source__reflection",)
    ordering = ("source_id", "external_id")
    searches = (
        uuid("a reference's id"),
        hash_prefix("the start of the hash of the payload last seen", "seen_payload__payload_hash"),
        text_prefix("the start of an item's name", "external_id"),
    )


@admin.register(Handoff)
class HandoffAdmin(Listing[Handoff]):
    within = "source__reflection"
    lifecycle = "handoff"
    list_display = ("id", "state", "why", linked("reference"), linked("source"), "size_bytes", "opened", "since")
    list_filter = ("status", ("reason", ReasonFilter))
    list_select_related = ("reference", "source__reflection")
    searches = (
        number("a handoff's id"),
        uuid("a reference's id", "reference"),
        hash_prefix("the start of a payload's hash", "payload__payload_hash"),
        text_prefix("the start of an item's name", "reference__external_id"),
    )


@admin.register(ApiToken)
class ApiTokenAdmin(Listing[ApiToken]):
    """Who may use the API, and how. Made and ended by `manage.py tokens`: a secret is shown once, and not here."""

    within = "reflection"
    list_display = ("name", linked("reflection"), "scopes", "made_by", "created_at", "expires_at", "revoked_at")
    list_select_related = ("reflection",)
    hidden = ("digest",)
    deferred = ("digest",)
    searches = (text_prefix("the start of a name", "name"),)


@admin.register(Submission)
class SubmissionAdmin(Listing[Submission]):
    within = "token__reflection"
    list_display = ("key", linked("token"), "created_at")
    list_select_related = ("token__reflection",)
    searches = (text_prefix("the start of an idempotency key", "key"),)
