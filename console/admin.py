from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from console import approving, flower, groups, resources
from console.timeline import timeline
from handoffs.admin import SourceAdmin
from handoffs.models import Source
from ingestion import approvals
from ingestion.admin import FlightAdmin, IngestRunAdmin, OccurrenceAdmin, QuarantineAdmin, WithReason, tell
from ingestion.explain import explain
from ingestion.models import Flight, IngestRun, Occurrence, Quarantine
from ingestion.operating import pause, resume
from ingestion.stages import ORDER
from ingestion.triggering import ask_all
from ledger import rendering

SUPERUSERS_ALONE = ("is_superuser", "user_permissions")

for model in (User, Source, IngestRun, Quarantine, Flight, Occurrence):
    admin.site.unregister(model)


@admin.register(User)
class PersonAdmin(UserAdmin[User]):
    """Administrators give roles; only a superuser makes a superuser, or touches one."""

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else [*fields, *SUPERUSERS_ALONE]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        own = request.user.is_superuser or not (obj and obj.is_superuser)
        return own and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002
        """Nobody is deleted: what they did names them. They are made inactive."""
        return False


@admin.register(Source)
class SourcePage(SourceAdmin):
    """Sources, to be held, let go on, and listed now, as `manage.py sources` does it."""

    shows = ("profile",)
    action_form = WithReason
    actions = ("sync", "pause", "resume", "purge")  # type: ignore[assignment]  # a listing has none

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
        tell(request, resume(chosen, by=groups.person(request)))


@admin.register(IngestRun)
class RunPage(IngestRunAdmin):
    """A run's whole story, and why it is not further."""

    leads = ("waits_for_what", "legs", "used", "tasks", "trouble", "reference")
    shows = ("stage_outputs",)

    @admin.display(description="why it is where it is")
    def waits_for_what(self, run: IngestRun) -> SafeString:
        return format_html_join("", "<p>{}</p>", ([cause.says] for cause in explain(run.pk)))

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


@admin.register(Quarantine)
class QuarantinePage(QuarantineAdmin):
    """What waits for a person, with what to do about it; the reason stands beside the action."""

    change_list_template = "console/quarantine.html"
    action_form = WithReason
    actions = ("probe", "release", "discard")  # type: ignore[assignment]  # a listing has none

    def get_urls(self) -> list[URLPattern]:
        return [*groups.urls(self.admin_site), *super().get_urls()]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(groups.MAY_DECIDE)

    @admin.action(description="Probe: the oldest of a kind goes first", permissions=["decide"])
    def probe(self, request: HttpRequest, chosen: QuerySet[Quarantine]) -> None:
        self._decide(request, chosen, "probe")

    @admin.action(description="Release: back to work", permissions=["decide"])
    def release(self, request: HttpRequest, chosen: QuerySet[Quarantine]) -> None:
        self._decide(request, chosen, "release")

    @admin.action(description="Discard: give them up", permissions=["decide"])
    def discard(self, request: HttpRequest, chosen: QuerySet[Quarantine]) -> None:
        self._decide(request, chosen, "discard")

    def _decide(self, request: HttpRequest, chosen: QuerySet[Quarantine], deed: str) -> None:
        if not (why := request.POST.get("why", "").strip()):
            self.message_user(request, "Say why, in words.", messages.ERROR)
            return
        runs = IngestRun.objects.filter(pk__in=chosen.order_by().values("run"))
        tell(request, groups.DEEDS[deed](runs, why, groups.person(request)))
