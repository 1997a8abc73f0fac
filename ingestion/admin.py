from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, TextField, When
from django.db.models.functions import Cast, Coalesce, Length
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ingestion.filters import Attention, Fingerprint, Since
from ingestion.models import (
    Flight,
    IngestRun,
    Memo,
    Occurrence,
    Quarantine,
    RetryRule,
    Schedule,
    Spending,
    StageOutput,
    Turn,
    Visit,
)
from ingestion.stages import ORDER
from ledger import rendering
from ledger.commands import spoken
from ledger.deeds import Answer
from ledger.edits import Edited
from ledger.listing import FewRows, Listing, ReasonFilter, Route, hash_prefix, linked, number, text_prefix, uuid


def _task(parts: str) -> Route:
    return Route("the id of a task", rf"[0-9]{{1,18}}\.({parts})", lambda term: Q(pk=int(term.partition(".")[0])))


class WithReason(ActionForm):
    why = forms.CharField(required=False, label="why")


def tell(request: HttpRequest, answer: Answer) -> None:
    """Say what a deed did, and what it left alone, on the next page."""
    counts = answer.counts()
    for told, level in ((counts["done"], messages.SUCCESS), (counts["refused"], messages.WARNING)):
        if told:
            messages.add_message(request, level, ", ".join(f"{n} {spoken(name)}" for name, n in told.items()))


@admin.register(IngestRun)
class IngestRunAdmin(Listing[IngestRun]):
    within = "reflection"
    lifecycle = "run"
    list_display = (
        "id",
        "state",
        "why",
        "stage",
        linked("handoff.reference"),
        linked("source"),
        "since",
        linked("flight"),
        "attempts",
    )
    list_filter = (Attention, "status", Since, "stage", ("reason", ReasonFilter), Fingerprint, ("source", FewRows))
    list_select_related = ("handoff__reference", "source__reflection", "flight")
    deferred = ("detail",)
    leads: ClassVar[tuple[str, ...]] = ("reference",)
    shows: ClassVar[tuple[str, ...]] = ("trouble", "stage_outputs")
    searches = (
        number("a run's id"),
        uuid("a reference's id", "handoff__reference"),
        hash_prefix("the start of a payload's hash", "handoff__payload__payload_hash"),
        text_prefix("the start of an item's name", "handoff__reference__external_id"),
    )

    @admin.display(description="reference")
    def reference(self, run: IngestRun) -> SafeString:
        return rendering.link(run.handoff.reference)

    @admin.display(description="quarantine")
    def trouble(self, run: IngestRun) -> SafeString:
        """Why it waits for a person, or did: the stage, the class of failure, and a bug's traceback."""
        cause = Quarantine.objects.filter(run=run).first()
        if not cause:
            return rendering.NOTHING
        told = rendering.table(
            ["came here", "times", "stage", "failure", "exception"],
            [(rendering.moment(cause.last_at), cause.times, cause.stage, cause.failure, cause.exception or "-")],
        )
        return rendering.stacked(told, rendering.block(cause.traceback))

    @admin.display(description="outputs")
    def stage_outputs(self, run: IngestRun) -> SafeString:
        sized = run.outputs.defer("data").annotate(size=Length(Cast("data", TextField())))
        left = {output.stage: output for output in sized}
        return rendering.table(
            ["stage", "at", "characters", "recipe"],
            [
                (
                    rendering.anchor(rendering.page(left[stage]), stage),
                    rendering.moment(left[stage].created_at),
                    f"{left[stage].size:,}",
                    left[stage].recipe,
                )
                for stage in ORDER
                if stage in left
            ],
        )


@admin.register(Flight)
class FlightAdmin(Listing[Flight]):
    within = "source__reflection"
    lifecycle = "flight"
    list_display = (
        "id",
        "state",
        "why",
        "stage",
        linked("source"),
        "runs_aboard",
        "size_bytes",
        "waits_since",
        "worker",
        "silent_since",
        "since",
    )
    list_filter = ("status",)
    list_select_related = ("source__reflection",)
    searches = (number("a flight's id"), _task("|".join(ORDER)))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flight]:
        """With when those that no worker has were ready for their stage."""
        ended = Visit.objects.filter(flight=OuterRef("pk")).order_by("-ended_at").values("ended_at")[:1]
        ready = When(status="open", worker="", then=Coalesce(Subquery(ended), F("created_at")))
        return super().get_queryset(request).annotate(ready_at=Case(ready))

    @admin.display(description="waits for a worker since")
    def waits_since(self, flight: Any) -> SafeString:
        return rendering.moment(flight.ready_at)

    @admin.display(description="no heartbeat since")
    def silent_since(self, flight: Flight) -> SafeString:
        if not (flight.worker and flight.lease_until):
            return rendering.NOTHING
        return rendering.moment(flight.lease_until - timedelta(seconds=settings.LEASE_S))


@admin.register(Turn)
class TurnAdmin(Listing[Turn]):
    within = "source__reflection"
    list_display = (linked("source"), "began", "finish", "next_slot", "not_before")
    list_display_links = None
    list_select_related = ("source__reflection",)
    searches = (number("a source's id"),)


@admin.register(Schedule)
class ScheduleAdmin(Listing[Schedule]):
    within = "source__reflection"
    list_display = (linked("source"), "when", "next_at", "overlap", "grace_s", "jitter_s")
    list_display_links = None
    list_select_related = ("source__reflection",)
    searches = (number("a source's id"),)

    @admin.display(description="when")
    def when(self, schedule: Schedule) -> str:
        return str(schedule)


@admin.register(Occurrence)
class OccurrenceAdmin(Listing[Occurrence]):
    within = "source__reflection"
    lifecycle = "occurrence"
    list_display = ("id", "state", "why", linked("source"), "cause", "scheduled_for", "attempts", "since", "detail")
    list_filter = ("status", "cause")
    list_select_related = ("source__reflection",)
    deferred = ("traceback",)
    hidden = ("traceback",)
    shows = ("trace",)
    searches = (number("a sync's id"), _task("sync"))

    @admin.display(description="traceback")
    def trace(self, occurrence: Occurrence) -> SafeString:
        return rendering.block(occurrence.traceback)


@admin.register(StageOutput)
class StageOutputAdmin(Listing[StageOutput]):
    within = "run__reflection"
    list_display = ("id", linked("run"), "stage", "created_at")
    list_select_related = ("run",)
    deferred = ("data",)
    searches = (number("a run's id", "run"),)


@admin.register(Memo)
class MemoAdmin(Listing[Memo]):
    list_display = ("id", "stage", "text_hash", "recipe")
    hidden = ("vector",)
    deferred = ("vector", "data")
    searches = (number("a memo's id"), hash_prefix("the start of a text's hash", "text_hash"))


@admin.register(Spending)
class SpendingAdmin(Listing[Spending]):
    within = "run__reflection"
    list_display = ("id", linked("run"), "stage", "input_tokens", "output_tokens", "cost", "recipe", "created_at")
    list_select_related = ("run",)
    searches = (number("a run's id", "run"),)


@admin.register(Visit)
class VisitAdmin(Listing[Visit]):
    within = "flight__source__reflection"
    list_display = ("id", linked("flight"), "stage", linked("source"), "waited_s", "took_s", "cpu_s", "peak_bytes")
    list_select_related = ("flight", "source__reflection")
    deferred = ("runs", "weights", "items")
    searches = (number("a flight's id", "flight"),)


@admin.register(Quarantine)
class QuarantineAdmin(Listing[Quarantine]):
    within = "run__reflection"
    list_display = (
        "id",
        linked("run"),
        linked("run.handoff.reference", "item"),
        "state_of_run",
        "failure",
        "exception",
        "stage",
        "detail",
        "times",
        "last_at",
        "fingerprint",
    )
    list_filter = ("run__status",)
    list_select_related = ("run__handoff__reference",)
    deferred = ("traceback",)
    hidden = ("traceback",)
    shows = ("trace",)
    searches = (number("a run's id", "run"), hash_prefix("the start of a fingerprint", "fingerprint"))

    @admin.display(description="status of the run")
    def state_of_run(self, quarantine: Quarantine) -> SafeString:
        return rendering.state(quarantine.run.status)

    @admin.display(description="detail")
    def detail(self, quarantine: Quarantine) -> str:
        return quarantine.run.detail

    @admin.display(description="traceback")
    def trace(self, quarantine: Quarantine) -> SafeString:
        return rendering.block(quarantine.traceback)


@admin.register(RetryRule)
class RetryRuleAdmin(Edited[RetryRule]):
    """The operators' own table: few rows, theirs to add, change and delete."""

    list_display = ("failure", "kind", "attempts", "base_s", "factor", "cap_s", "then")
    ordering = ("failure", "kind")
