from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlencode

from axes.admin import AccessAttemptAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from console import approving, batches, flower, groups, knowledge, resources, seeing, sources
from console.bulk import OperationPage, WithDeeds
from console.counting import counts
from console.deeds import BATCHES
from console.models import Operation
from console.roles import permissions_of
from console.tabs import WithTabs
from console.timeline import timeline
from handoffs.admin import HandoffAdmin, SourceAdmin
from handoffs.models import Handoff, Source
from ingestion import approvals, enrolling
from ingestion.admin import FlightAdmin, IngestRunAdmin, OccurrenceAdmin, QuarantineAdmin, WithReason, tell
from ingestion.explain import explain
from ingestion.models import Flight, IngestRun, Occurrence, Quarantine
from ingestion.operating import pause, resume
from ingestion.reviewing import Unclear, approve, reject
from ingestion.stages import ORDER
from ingestion.telling import RELATED, whole
from ingestion.triggering import ask_all
from ledger import rendering
from ledger.admin import EventAdmin
from ledger.edits import Edited
from ledger.models import Event
from patches.admin import EntityAdmin, GoldenQuestionAdmin, PatchBatchAdmin
from patches.models import Entity, GoldenQuestion, PatchBatch

SUPERUSERS_ALONE = ("is_superuser", "user_permissions")

for model in (
    User,
    Group,
    AccessAttempt,
    AccessLog,
    AccessFailureLog,
    Source,
    Handoff,
    IngestRun,
    Quarantine,
    Flight,
    Occurrence,
    PatchBatch,
    Entity,
    Event,
    GoldenQuestion,
):
    admin.site.unregister(model)


@admin.register(User)
class PersonAdmin(Edited[User], UserAdmin[User]):
    """Administrators give roles, and say what is seen; only a superuser makes a superuser, or touches one."""

    inlines = (seeing.SightInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else [*fields, *SUPERUSERS_ALONE]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        own = request.user.is_superuser or not (obj and obj.is_superuser)
        return own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        """Nobody is deleted: what they did names them. They are made inactive."""
        return False


@admin.register(Group)
class RolesPage(Edited[Group], GroupAdmin):
    """Groups; those that are roles mean what console.roles says, whatever they are given here: they are left alone."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return not _is_role(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return not _is_role(obj) and super().has_delete_permission(request, obj)


def _is_role(group: Group | None) -> bool:
    return group is not None and bool(permissions_of(group.name))


@admin.register(AccessAttempt)
class LockedOut(Edited[AccessAttempt], AccessAttemptAdmin):  # type: ignore[misc]  # axes is untyped
    """Who gave wrong passwords; to delete a row is to let them try again, and in the audit log."""

    actions = None


@admin.register(AccessLog)
class LogIns(AccessLogAdmin):  # type: ignore[misc]  # axes is untyped
    """Who came in, and when; nobody edits it."""

    def has_change_permission(self, request: HttpRequest, obj: AccessLog | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AccessLog | None = None) -> bool:  # noqa: ARG002
        return False


class SourceForm(forms.ModelForm[Source]):
    def clean_options(self) -> Any:
        """Options that were edited make a source, as `manage.py sources change` would have it."""
        options = self.cleaned_data["options"]
        if options != self.instance.options:
            try:
                enrolling.fits_still(self.instance, options)
            except ValueError as problem:
                raise forms.ValidationError(str(problem)) from problem
        return options


@admin.register(Source)
class SourcePage(SourceAdmin):
    """Sources, to be held, let go on, and listed now, as `manage.py sources` does it."""

    leads = ("standing",)
    shows = ("profile",)
    editable = (*SourceAdmin.editable, "options")
    told_by_its_deed = ("options",)
    form = SourceForm
    action_form = WithReason
    actions = ("sync", "pause", "resume", "purge")  # type: ignore[assignment]  # a listing has none

    def editable_by(self, request: HttpRequest) -> tuple[str, ...]:
        """What is read, and from where, is for those to say who may add a source."""
        may = request.user.has_perm("handoffs.add_source")
        return tuple(name for name in super().editable_by(request) if may or name != "options")

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        if "options" in form.changed_data:
            enrolling.change(obj, obj.options, by=groups.person(request))
        super().save_model(request, obj, form, change)

    @admin.display(description="how it stands")
    def standing(self, source: Source) -> SafeString:
        return sources.standing(source)

    @admin.display(description="resources")
    def profile(self, source: Source) -> SafeString:
        return resources.of_source(source)

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("handoffs.change_source")

    def has_purge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(approvals.MAY_PURGE)

    @admin.action(description="Purge: erase all of it for good", permissions=["purge"])
    def purge(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        approving.purge_sources(request, chosen)

    @admin.action(description="Sync now", permissions=["steer"])
    def sync(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        tell(request, ask_all(chosen, by=groups.person(request)))

    @admin.action(description="Pause: begin nothing of them", permissions=["steer"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        tell(request, pause(chosen, request.POST.get("why", "").strip(), by=groups.person(request)))

    @admin.action(description="Resume: let them go on", permissions=["steer"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Source]) -> None:
        tell(request, resume(chosen, request.POST.get("why", "").strip(), by=groups.person(request)))


@admin.register(IngestRun)
class RunPage(WithTabs, WithDeeds, IngestRunAdmin):
    """A run's whole story, and why it is not further."""

    views: ClassVar[Mapping[str, str]] = {
        "Needs attention": "attention=needed",
        "Under way": "status__in=pending,running",
        "Waiting to retry": "status__exact=retry_wait",
        "In review": "status__exact=in_review",
    }

    leads = ("waits_for_what", "elsewhere", "legs", "used", "tasks", "trouble", "reference")
    shows = ("stage_outputs",)

    @admin.display(description="why it is where it is")
    def waits_for_what(self, run: IngestRun) -> SafeString:
        return format_html_join("", "<p>{}</p>", ([cause.says] for cause in explain(run.pk)))

    def get_urls(self) -> list[URLPattern]:
        return [path("<int:pk>/json/", self.admin_site.admin_view(self.as_json), name="run_json"), *super().get_urls()]

    def as_json(self, request: HttpRequest, pk: int) -> JsonResponse:
        """What `manage.py runs show --json` tells of the run, for who sees its page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = get_object_or_404(self.get_queryset(request).select_related(*RELATED), pk=pk)
        return JsonResponse(whole(run), json_dumps_params={"indent": 2, "ensure_ascii": False})

    @admin.display(description="elsewhere")
    def elsewhere(self, run: IngestRun) -> SafeString:
        """The run for machines, and its log lines where the settings say where those are."""
        links = [rendering.anchor(reverse("admin:run_json", args=[run.pk]), "as JSON")]
        if settings.LOG_URL:
            links.append(rendering.anchor(settings.LOG_URL.replace("{run}", str(run.pk)), "its log lines"))
        return rendering.listed(links)

    @admin.display(description="timeline")
    def legs(self, run: IngestRun) -> SafeString:
        return timeline(run)

    @admin.display(description="what it took")
    def used(self, run: IngestRun) -> SafeString:
        return resources.of_run(run)

    @admin.display(description="its flight in Flower")
    def tasks(self, run: IngestRun) -> SafeString:
        return flower.tasks(run.flight_id, *ORDER) if run.flight_id else rendering.NOTHING


@admin.register(Flight)
class FlightPage(FlightAdmin):
    leads = ("tasks",)

    @admin.display(description="in Flower")
    def tasks(self, flight: Flight) -> SafeString:
        return flower.tasks(flight.pk, *ORDER)


@admin.register(Occurrence)
class OccurrencePage(OccurrenceAdmin):
    leads = ("task",)

    @admin.display(description="in Flower")
    def task(self, occurrence: Occurrence) -> SafeString:
        return flower.tasks(occurrence.pk, "sync")


@admin.register(Handoff)
class HandoffPage(WithTabs, WithDeeds, HandoffAdmin):
    """Handoffs, to be sent back to work or ended, and how many there are of each kind."""

    views: ClassVar[Mapping[str, str]] = {
        "Waiting": "status__exact=pending",
        "Held": "status__exact=held",
        "Under way": "status__in=queued,ingesting",
        "Failed": "status__exact=failed",
    }
    change_list_template = "console/handoffs.html"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.counts)
        return [path("counts/", page, name="handoff_counts"), *super().get_urls()]

    def counts(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = counts(self.get_queryset(request).select_related(None), request.user.has_perm)
        context = {**self.admin_site.each_context(request), "title": "Handoffs by status and reason", "counts": found}
        return TemplateResponse(request, "console/counts.html", context)


@admin.register(Quarantine)
class QuarantinePage(WithTabs, WithDeeds, QuarantineAdmin):
    """What waits for a person, with what to do about it; the reason stands beside the action."""

    views: ClassVar[Mapping[str, str]] = {"Waiting for a person": "run__status__exact=quarantined"}
    change_list_template = "console/quarantine.html"

    def get_urls(self) -> list[URLPattern]:
        return [*groups.urls(self.admin_site), *super().get_urls()]


admin.site.register(Operation, OperationPage)


class Decision(forms.Form):
    deed = forms.ChoiceField(choices=[("approve", "approve"), ("reject", "reject")])
    why = forms.CharField()
    without = forms.TypedMultipleChoiceField(coerce=int, required=False)

    def __init__(self, batch: PatchBatch, *args: Any) -> None:
        super().__init__(*args)
        patches: Any = self.fields["without"]
        patches.choices = [(n, n) for n in batch.patches.values_list("n", flat=True)]


@admin.register(PatchBatch)
class BatchPage(WithTabs, WithDeeds, PatchBatchAdmin):
    """A batch as who reviews it needs it: what it changes, what it rests on, what was measured, what can be done."""

    views: ClassVar[Mapping[str, str]] = {
        "In review": "status__exact=in_review",
        "Applied": "status__exact=applied",
        "Rejected": "status__exact=rejected",
        "Reverted": "status__exact=reverted",
    }
    change_form_template = "console/batch.html"

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(require_POST(self.decide))
        return [path("<int:pk>/decide/", decide, name="decide_batch"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        shown = batches.page_of(context["original"], request.GET.get("patches"))
        context |= {**shown, "may_decide": request.user.has_perm(BATCHES)}
        return super().render_change_form(request, context, *args, **kwargs)

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Approve or reject this one, with the person's words; of the claims of an approved one some may stay out."""
        if not request.user.has_perm(BATCHES):
            raise PermissionDenied
        batch = get_object_or_404(self.get_queryset(request), pk=pk)
        form = Decision(batch, request.POST)
        if form.is_valid():
            why, without = form.cleaned_data["why"], form.cleaned_data["without"]
            deed = partial(approve, without=without) if form.cleaned_data["deed"] == "approve" else reject
            try:
                tell(request, deed(PatchBatch.objects.filter(pk=pk), why, by=groups.person(request)))
            except Unclear as problem:
                messages.error(request, str(problem))
        else:
            messages.error(request, "Say why, in words.")
        return redirect(rendering.page(batch))


@admin.register(Entity)
class EntityPage(EntityAdmin):
    """What is known of an entity, as a picture over time, from any moment of both clocks: the address says which."""

    change_form_template = "console/entity.html"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= knowledge.page_of(context["original"], request.GET.dict())
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(GoldenQuestion)
class GoldenPage(GoldenQuestionAdmin):
    """A golden question, to be asked now: what is found, where, and what is missing."""

    change_form_template = "console/golden.html"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context |= knowledge.answered(context["original"]) if "ask" in request.GET else {}
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Event)
class EventPage(WithTabs, EventAdmin):
    """The audit log, each event with the way to what it happened to."""

    views: ClassVar[Mapping[str, str]] = {"Asked for by somebody": "who=asked"}
    list_display = ("moment", "row", "step", "why", "by", "said")  # type: ignore[assignment]  # of another length

    @admin.display(description="step")
    def step(self, event: Event) -> SafeString:
        return format_html("{} → {}", event.was.replace("_", " "), rendering.state(event.became))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return seeing.told(super().get_queryset(request), request.user)

    @admin.display(description="row")
    def row(self, event: Event) -> SafeString:
        told = f"{event.lifecycle} {event.row_id}"
        return rendering.anchor(f"{reverse('admin:go')}?{urlencode({'q': told})}", told)
