from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from handoffs.models import Reflection
from ledger import rendering
from ledger.commands import spoken
from ledger.edits import Edited
from ledger.listing import FewRows, Listing, hash_prefix, linked, number, span, text_prefix, uuid
from ledger.sight import EVERYBODYS, narrowed
from patches import turning
from patches.evaluation.checks import CHECKS
from patches.evaluation.policies import in_force, publish
from patches.evaluation.policy import BadPolicy, Policy, read
from patches.models import (
    Alias,
    ApplyTransaction,
    Assertion,
    BatchLife,
    Carrier,
    Entity,
    Fact,
    GatePolicy,
    GoldenQuestion,
    Identity,
    Passage,
    Patch,
    PatchBatch,
    Predicate,
    ReferenceVersion,
    UncarriedBatch,
    Verdict,
)
from patches.names import key_of
from patches.quoting import InForce, quotes
from patches.recount import obstacle, recount
from patches.wording import offenders, says

CARRIERS_SHOWN = 50
VERDICTS_SHOWN = 10


@admin.register(PatchBatch)
class PatchBatchAdmin(Listing[PatchBatch]):
    within = "reflection"
    lifecycle = "batch"
    list_display = ("id", "state", "why", "title", linked("source"), "since")
    list_filter = ("status", ("source", FewRows))
    list_select_related = ("source__reflection",)
    shows = ("verdicts", "carriers")
    searches = (
        number("a batch's id"),
        hash_prefix("the start of a content's hash", "content_hash"),
        uuid("the id of a reference that carries it", "carriers__reference"),
    )

    def get_urls(self) -> list[URLPattern]:
        return [*turning.urls(self.admin_site), *super().get_urls()]

    @admin.display(description="verdicts")
    def verdicts(self, batch: PatchBatch) -> SafeString:
        """The latest ones; what each measured is on its own page."""
        return rendering.table(
            ["at", "decision", "by", "policy", "failed", "patches rejected"],
            [
                (
                    rendering.moment(one.at),
                    rendering.anchor(rendering.page(one), one.decision),
                    f"{one.by}: {one.why}" if one.why else one.by,
                    one.policy,
                    ", ".join(spoken(name) for name, check in one.checks.items() if not check["passed"]) or "-",
                    ", ".join(map(str, one.rejected)) or "-",
                )
                for one in batch.verdicts.order_by("-pk")[:VERDICTS_SHOWN]
            ],
        )

    @admin.display(description="carriers")
    def carriers(self, batch: PatchBatch) -> SafeString:
        """The references that hold this content now; without one the batch is withdrawn."""
        found = batch.carriers.select_related("reference").order_by("reference_id")[:CARRIERS_SHOWN]
        return rendering.listed([rendering.link(carrier.reference) for carrier in found])


def _checks(verdict: Verdict) -> SafeString:
    checks: Mapping[str, Mapping[str, Any]] = verdict.checks
    return rendering.table(
        ["check", "passed", "value", "limit", "if not", "patches that offend, and what else it found"],
        [
            (
                name.replace("_", " "),
                rendering.state("yes" if check["passed"] else "no"),
                f"{check['value']:g}",
                f"{check['threshold']:g}",
                check.get("then", "reject"),
                _findings(check),
            )
            for name, check in sorted(checks.items())
        ],
    )


def _findings(check: Mapping[str, Any]) -> str:
    """The patches that offend, by number, each with what is wrong, and what else was found."""
    told = [f"{n}: {why}" if why else str(n) for n, why in offenders(check).items()]
    return "; ".join([*told, *filter(None, [check.get("note")])]) or "-"


@admin.register(Patch)
class PatchAdmin(Listing[Patch]):
    within = "batch__reflection"
    list_display = ("id", linked("batch"), "n", "op", "says")
    list_select_related = ("batch",)
    searches = (number("a patch's id"),)

    @admin.display(description="what it says")
    def says(self, patch: Patch) -> SafeString:
        words, when = says(patch.op, patch.payload)
        return rendering.titled(f"{words} ({when})" if when else words, patch.payload.get("quote", ""))


@admin.register(Verdict)
class VerdictAdmin(Listing[Verdict]):
    within = "batch__reflection"
    list_display = ("id", "decision", linked("batch"), "by", "policy", "at")
    list_filter = ("decision",)
    list_select_related = ("batch",)
    shows = ("table_of_checks",)
    searches = (number("a verdict's id"), hash_prefix("the start of a batch's content hash", "batch__content_hash"))
    hidden = ("checks",)

    @admin.display(description="checks")
    def table_of_checks(self, verdict: Verdict) -> SafeString:
        return _checks(verdict)


@admin.register(Carrier)
class CarrierAdmin(Listing[Carrier]):
    within = "batch__reflection"
    list_display = (linked("reference"), linked("batch"))
    list_display_links = None
    list_select_related = ("reference", "batch")
    searches = (number("a batch's id", "batch"), uuid("a reference's id", "reference"))


@admin.register(ReferenceVersion)
class ReferenceVersionAdmin(Listing[ReferenceVersion]):
    within = "batch__reflection"
    list_display = ("id", linked("reference"), linked("batch"))
    list_select_related = ("reference", "batch")
    searches = (uuid("a reference's id", "reference"), number("a batch's id", "batch"))


@admin.register(UncarriedBatch)
class UncarriedBatchAdmin(Listing[UncarriedBatch]):
    within = "batch__reflection"
    list_display = (linked("batch"), "since")
    list_display_links = None
    list_select_related = ("batch",)
    searches = (number("a batch's id"),)


@admin.register(ApplyTransaction)
class ApplyTransactionAdmin(Listing[ApplyTransaction]):
    within = "reflection"
    list_display = ("seq", linked("reflection"), "at", "why", "by")
    list_select_related = ("reflection",)
    searches = (number("an apply number"),)


@admin.register(BatchLife)
class BatchLifeAdmin(Listing[BatchLife]):
    within = "batch__reflection"
    list_display = ("id", linked("batch"), span("sys"))
    list_select_related = ("batch",)
    searches = (number("a batch's id", "batch"),)


@admin.register(Passage)
class PassageAdmin(Listing[Passage]):
    within = "reflection"
    list_display = ("id", linked("batch"), "n", "start", "end", "live", "beginning")
    list_select_related = ("batch",)
    hidden = ("vector", "words")
    deferred = ("vector", "words")
    searches = (number("a passage's id"), hash_prefix("the start of a batch's content hash", "batch__content_hash"))

    @admin.display(description="text")
    def beginning(self, passage: Passage) -> str:
        return Truncator(passage.text).chars(80)


@admin.register(Identity)
class IdentityAdmin(Listing[Identity]):
    within = "batch__reflection"
    list_display = ("id", linked("entity"), linked("same_as"), linked("batch"), "live")
    list_select_related = ("entity", "same_as", "batch")
    searches = (number("a batch's id", "batch"), uuid("an entity's id", "entity"))


@admin.register(Alias)
class AliasAdmin(Listing[Alias]):
    within = "entity__reflection"
    list_display = ("id", linked("entity"), linked("canonical"), span("sys"))
    list_select_related = ("entity", "canonical")
    searches = (uuid("an entity's id", "entity"), text_prefix("the start of its name", "entity__key", key_of))


@admin.register(Entity)
class EntityAdmin(Listing[Entity]):
    within = "reflection"
    list_display = ("name", "type", linked("reflection"))
    list_select_related = ("reflection",)
    ordering = ("reflection_id", "type", "key")
    searches = (uuid("an entity's id"), text_prefix("the start of its name", "key", key_of))


class PredicateForm(forms.ModelForm[Predicate]):
    def clean_cardinality(self) -> str:
        cardinality: str = self.cleaned_data["cardinality"]
        if self.instance.pk and not self.instance._state.adding and (why := obstacle(self.instance.pk, cardinality)):
            raise forms.ValidationError(why)
        return cardinality


@admin.register(Predicate)
class PredicateAdmin(Listing[Predicate]):
    """Added and edited by operators. Another cardinality brings all that was ever said with it in line."""

    within = EVERYBODYS
    form = PredicateForm
    editable = ("label", "inverse", "cardinality", "subject_types", "object_types")
    list_display = ("name", "label", "inverse", "cardinality", "subject_types", "object_types")
    ordering = ("name",)
    searches = (text_prefix("the start of a predicate's name", "name"),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def get_fields(self, request: HttpRequest, obj: Predicate | None = None) -> list[Any]:
        return super().get_fields(request, obj) if obj else ["name", *self.editable]

    def get_readonly_fields(self, request: HttpRequest, obj: Predicate | None = None) -> list[Any]:
        return super().get_readonly_fields(request, obj) if obj else []

    def save_model(self, request: HttpRequest, obj: Predicate, form: Any, change: bool) -> None:
        if not change:
            admin.ModelAdmin.save_model(self, request, obj, form, change)
            return
        changed = set(form.changed_data)
        if "cardinality" in changed:
            seqs = recount(obj.name, obj.cardinality, by=f"admin:{request.user.get_username()}"[:80])
            self.message_user(request, f"Brought in line in {len(seqs)} reflections")
        obj.save(update_fields=changed - {"cardinality"})


class PolicyForm(forms.ModelForm[GatePolicy]):
    body = forms.JSONField(required=False, initial=dict)  # empty: the default's, as a version of its own

    def clean_body(self) -> Any:
        body = {} if self.cleaned_data["body"] is None else self.cleaned_data["body"]
        try:
            read(body)
        except BadPolicy as problem:
            raise forms.ValidationError(str(problem)) from problem
        return body


def _rules(policy: Policy, own: Mapping[str, Any]) -> SafeString:
    """Every check with its rule and its meaning; `own` are those that were not left to the defaults."""
    return rendering.table(
        ["check", "limit", "if not", "looks at", "whose", "what it holds"],
        [
            (
                name.replace("_", " "),
                f"{rule.limit:g}",
                rule.then,
                CHECKS[name].scope,
                "its own" if name in own else "default",
                CHECKS[name].holds,
            )
            for name, rule in policy.rules.items()
        ],
    )


@admin.register(GatePolicy)
class GatePolicyAdmin(Edited[GatePolicy]):
    """The operators' own table: a change is a new version, and none is ever changed or removed."""

    form = PolicyForm
    fields = ("reflection", "name", "body", "why")
    list_display = ("__str__", "reflection", "in_force", "by", "why", "created_at")
    list_filter = (("reflection", admin.RelatedOnlyFieldListFilter),)
    ordering = ("-pk",)
    change_list_template = "patches/policies.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """What was published, below what is in force for each knowledge base, published or not."""
        seen = narrowed(Reflection.objects.all(), request.user, "pk")
        rows = [
            (one, rendering.link(made) if made else read({}).label, made.why if made else "nobody published one")
            for one, made in in_force(seen)
        ]
        shown = {
            "in_force": rendering.table(["knowledge base", "policy", "why"], rows),
            "default": _rules(read({}), {}),
            "review_days": read({}).review_days,
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[GatePolicy]:
        newer = GatePolicy.objects.filter(reflection=OuterRef("reflection"), version__gt=OuterRef("version"))
        rows = narrowed(super().get_queryset(request), request.user, "reflection")
        return rows.annotate(latest=~Exists(newer)).select_related("reflection")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        """A policy is for a knowledge base that the person sees."""
        return super().formfield_for_foreignkey(
            db_field, request, queryset=narrowed(Reflection.objects.all(), request.user, "pk"), **more
        )

    def get_fields(self, request: HttpRequest, obj: GatePolicy | None = None) -> Any:  # noqa: ARG002
        return [*self.fields, "rules", "in_force", "version", "digest", "by", "created_at"] if obj else self.fields

    @admin.display(description="in force", boolean=True)
    def in_force(self, policy: Any) -> bool:
        return bool(policy.latest)

    @admin.display(description="what it holds every batch to")
    def rules(self, policy: GatePolicy) -> SafeString:
        """Every check, the defaults filled in; what this policy says itself is marked."""
        try:
            told = read(policy.body)
        except BadPolicy as problem:  # it names a check that there is no more
            return rendering.block(str(problem))
        return _rules(told, policy.body.get("checks", {}))

    def has_change_permission(self, request: HttpRequest, obj: GatePolicy | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: GatePolicy | None = None) -> bool:  # noqa: ARG002
        return False

    def save_model(self, request: HttpRequest, obj: GatePolicy, form: Any, change: bool) -> None:  # noqa: ARG002
        by = request.user.get_username()
        made = publish(obj.reflection, obj.name, obj.body, by=by, why=obj.why)
        obj.pk, obj.version = made.pk, made.version


@admin.register(GoldenQuestion)
class GoldenQuestionAdmin(Listing[GoldenQuestion]):
    within = "reflection"
    list_display = ("id", "question", linked("reflection"), "k", "documents", "by")
    list_select_related = ("reflection",)
    hidden = ("vector",)
    deferred = ("vector",)
    searches = (number("a question's id"), text_prefix("the start of its words", "question"))


class StatementListing(Listing[Any]):
    """Of assertions and facts: who, what, when."""

    searches = (
        number("an id"),
        uuid("the id of its subject", "subject"),
        text_prefix("the start of its subject's name", "subject__key", key_of),
    )


@admin.register(Assertion)
class AssertionAdmin(StatementListing):
    within = "batch__reflection"
    list_display = ("id", linked("subject"), linked("predicate"), "object_text", span("valid"), "live", linked("batch"))
    list_select_related = ("subject", "predicate", "batch")


@admin.register(Fact)
class FactAdmin(StatementListing):
    within = "reflection"
    list_display = ("id", linked("subject"), linked("predicate"), "object_text", span("valid"), span("sys"), "basis")
    list_filter = (InForce, ("predicate", FewRows))
    list_select_related = ("subject", "predicate")
    leads = ("picture", "words")

    @admin.display(description="what else is known")
    def picture(self, fact: Fact) -> SafeString:
        return rendering.anchor(rendering.page(fact.subject), f"{fact.subject.name}, as a picture over time")

    @admin.display(description="in the words of")
    def words(self, fact: Fact) -> SafeString:
        return quotes(fact)
