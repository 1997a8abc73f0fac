"""How it gets done: runs, the flights they go in, what each stage left behind, and results shared by all runs."""

from typing import Self

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import CheckConstraint, F, Index, OuterRef, Q, Subquery, UniqueConstraint
from django.db.models.functions import Now
from pgvector.django import VectorField

from handoffs.models import Handoff, Priority, Reflection, Source
from ingestion.lifecycles import ACTIVE, DUE, FLIGHT, RUN
from ledger.failures import KINDS
from ledger.reasons import Reason, reasons
from patches.models import PatchBatch


class Stage(models.TextChoices):
    FETCH = "fetch"
    CHUNK = "chunk"
    EMBED = "embed"
    ENTITY = "entity"
    FACT = "fact"
    EVAL = "eval"
    APPLY = "apply"


class RunStatus(models.TextChoices):
    PENDING = "pending"
    RUNNING = "running"
    RETRY_WAIT = "retry_wait"
    IN_REVIEW = "in_review"
    QUARANTINED = "quarantined"
    COMPLETED = "completed"
    EVAL_REJECTED = "eval_rejected"
    FAILED = "failed"
    DUPLICATE_SKIPPED = "duplicate_skipped"
    CANCELLED = "cancelled"


class Turn(models.Model):
    """How far a source is with its share: written by dispatch with every flight that it opens for the source.

    Times are virtual: runs, divided by the source's weight.
    """

    source = models.OneToOneField(Source, models.CASCADE, primary_key=True, related_name="turn")
    began = models.FloatField(default=0, help_text="The virtual time at which it was served last.")
    finish = models.FloatField(default=0, help_text="The virtual time up to which its share is used.")
    next_slot = models.DateTimeField(null=True, blank=True, help_text="Where its rate is kept: used up to this time.")
    not_before = models.DateTimeField(null=True, blank=True, help_text="Its remote side asked us to wait until then.")

    def __str__(self) -> str:
        return f"turn of source {self.source_id}"


class FlightStatus(models.TextChoices):
    OPEN = "open"
    LANDED = "landed"
    LOST = "lost"


class Flight(models.Model):
    """Runs of one source that go through the stages together, under one lease.

    `worker` is empty while no stage is at work. Boarding sets it and raises `fence`; whoever writes for a stage first
    locks this row and compares the fence, so a worker that lost its lease writes nothing.
    """

    source = models.ForeignKey(Source, models.PROTECT, related_name="flights")
    status = models.CharField(max_length=20, choices=FlightStatus, default=FlightStatus.OPEN)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.ADMITTED)
    stage = models.CharField(max_length=10, choices=Stage)
    fence = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    boarded_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    runs_aboard = models.PositiveIntegerField(help_text="How many runs it set out with.")
    size_bytes = models.BigIntegerField()
    traceparent = models.CharField(
        max_length=55, blank=True, db_default="", help_text="Its place in a trace (W3C Trace Context)."
    )
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [FLIGHT.guard()]
        constraints = [
            FLIGHT.known(),
            CheckConstraint(condition=Q(status="open") ^ Q(lease_until=None), name="open_flight_has_a_lease"),
        ]
        indexes = [Index(fields=["lease_until"], condition=Q(status="open"), name="flight_open")]

    def __str__(self) -> str:
        return f"flight {self.pk}"


OUTSTANDING = Q(status__in=[RunStatus.FAILED, RunStatus.QUARANTINED], answered="")


class IngestRunQuerySet(models.QuerySet["IngestRun"]):
    def aboard(self, flight_id: int) -> Self:
        """The runs that are still in the flight; one that was taken off has another flight or none."""
        return self.filter(flight_id=flight_id, status=RunStatus.RUNNING)

    def outstanding(self) -> Self:
        """Those that failed or are in quarantine, with no attempt since and no word of anybody. Index: run_outstanding.

        One whose handoff was opened again is left out from then on, before its next attempt begins.
        """
        # asked of each row that is looked at: as a join PostgreSQL would read all handoffs that ever failed
        stands = Handoff.objects.filter(pk=OuterRef("handoff_id")).values("status")
        return self.alias(handoff_stands=Subquery(stands)).filter(OUTSTANDING, handoff_stands="failed")


class IngestRun(models.Model):
    """One execution of a handoff. Its status changes only through RUN.move; the row is never deleted."""

    handoff = models.ForeignKey(Handoff, models.PROTECT, related_name="runs")
    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="+", db_index=False)
    source = models.ForeignKey(Source, models.PROTECT, related_name="runs")
    idempotency_key = models.CharField(max_length=120)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    status = models.CharField(max_length=20, choices=RunStatus, default=RunStatus.PENDING)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.ADMITTED)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.FETCH, help_text="The stage it stands before.")
    flight = models.ForeignKey(Flight, models.PROTECT, null=True, blank=True, related_name="runs")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    content_hash = models.CharField(  # noqa: DJ001  null is what the unique constraint passes over
        max_length=64, null=True, blank=True, help_text="Set when it claims its content."
    )
    waits_for = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="duplicates", db_index=False
    )
    batch = models.ForeignKey(PatchBatch, models.PROTECT, null=True, blank=True, related_name="runs")
    attempts = models.PositiveIntegerField(default=0, help_text="Times that it failed by itself.")
    deliveries = models.PositiveIntegerField(default=0, help_text="Times that it was put on a flight.")
    crashes = models.PositiveIntegerField(default=0, help_text="Times that a worker died with it aboard.")
    alone = models.BooleanField(db_default=False, help_text="Flies alone: a worker died with it aboard.")
    failure = models.CharField(max_length=20, blank=True, help_text="The class of its last failure.")
    detail = models.TextField(blank=True, help_text="What an operator may know of its last failure.")
    cancel_requested = models.CharField(
        max_length=80, blank=True, db_default="", help_text="Who asked for its end; heeded when its flight boards next."
    )
    answered = models.CharField(
        max_length=40, choices=reasons, blank=True, db_default="", help_text="Why its failure asks nothing of anybody."
    )
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    objects = IngestRunQuerySet.as_manager()

    class Meta:
        triggers = [RUN.guard(), pgtrigger.Protect(name="run_never_deleted", operation=pgtrigger.Delete)]
        constraints = [
            RUN.known(),
            CheckConstraint(condition=Q(priority__in=Priority.values), name="run_priority_is_known"),
            UniqueConstraint(fields=["idempotency_key"], name="one_run_per_idempotency_key"),
            UniqueConstraint(
                fields=["handoff"], condition=Q(status__in=sorted(ACTIVE)), name="one_active_run_per_handoff"
            ),
            UniqueConstraint(
                fields=["reflection", "source", "content_hash"],
                condition=Q(status__in=sorted(ACTIVE)) & Q(content_hash__isnull=False),
                name="one_active_run_per_content",
            ),
            CheckConstraint(
                condition=Q(status__in=sorted(DUE)) ^ Q(next_attempt_at=None), name="due_time_while_it_waits"
            ),
            CheckConstraint(condition=~Q(status="running") | Q(flight__isnull=False), name="running_run_has_a_flight"),
            CheckConstraint(
                condition=~Q(status="duplicate_skipped") | Q(duplicate_of__isnull=False), name="duplicate_names_its_run"
            ),
        ]
        indexes = [
            Index(
                F("source"),
                F("priority"),
                F("next_attempt_at"),
                F("id"),
                condition=Q(status__in=sorted(DUE), waits_for=None),
                name="run_ready",
            ),
            Index(
                F("waits_for"),
                condition=Q(status__in=sorted(DUE), waits_for__isnull=False),
                name="run_held_back",
            ),
            Index(fields=["flight"], condition=Q(status="running"), name="run_aboard"),
            Index(fields=["duplicate_of"], condition=Q(duplicate_of__isnull=False), name="run_duplicates"),
            Index(fields=["status", "-id"], name="run_by_status"),
            Index(fields=["reason", "status"], name="run_by_outcome"),
            Index(fields=["handoff"], condition=Q(crashes__gt=0), name="run_crashed"),
            Index(fields=["-id"], condition=OUTSTANDING, name="run_outstanding"),
            # a word for every so many pages of the table: it costs a claim next to nothing
            BrinIndex(fields=["since"], pages_per_range=32, autosummarize=True, name="run_since"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class StageOutput(models.Model):
    """What a finished stage left for the later ones; resuming starts after the last one."""

    run = models.ForeignKey(IngestRun, models.PROTECT, related_name="outputs", db_index=False)
    stage = models.CharField(max_length=10, choices=Stage)
    recipe = models.CharField(max_length=120)
    data = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["run", "stage"], name="one_output_per_run_and_stage")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.stage}"


class Memo(models.Model):
    """The result of an expensive step for one passage, keyed by what went in; shared by all runs."""

    stage = models.CharField(max_length=10, choices=Stage)
    recipe = models.CharField(max_length=120)
    text_hash = models.CharField(max_length=64)
    vector = VectorField(null=True, blank=True)
    data = models.JSONField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["text_hash", "stage", "recipe"], name="one_memo_per_input")]

    def __str__(self) -> str:
        return f"{self.stage} {self.text_hash}"


class Spending(models.Model):
    """What a model that is paid for cost a run in one visit to a stage. Only added to.

    A passage that several runs share is paid for by the first of them.
    """

    run = models.ForeignKey(IngestRun, models.PROTECT, related_name="spendings")
    stage = models.CharField(max_length=10, choices=Stage)
    recipe = models.CharField(max_length=120)
    input_tokens = models.BigIntegerField()
    output_tokens = models.BigIntegerField()
    cost = models.DecimalField(
        max_digits=20, decimal_places=10, help_text="In the currency in which the settings state prices."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [
            pgtrigger.Protect(name="spending_only_added_to", operation=pgtrigger.Update | pgtrigger.Delete),
        ]
        verbose_name_plural = "spending"

    def __str__(self) -> str:
        return f"{self.run_id} {self.stage}"


class QuarantineQuerySet(models.QuerySet["Quarantine"]):
    def waiting(self) -> Self:
        """Those whose run waits for a person now."""
        return self.filter(run__status=RunStatus.QUARANTINED)


class Quarantine(models.Model):
    """Why a run waits for a person: the failure that its policy would not retry again. Kept when the run goes on."""

    run = models.OneToOneField(IngestRun, models.PROTECT, related_name="quarantine")
    stage = models.CharField(max_length=10, choices=Stage)
    failure = models.CharField(max_length=20)
    fingerprint = models.CharField(
        max_length=16, blank=True, db_index=True, help_text="Equal for runs that failed the same way."
    )
    exception = models.CharField(max_length=200, blank=True, help_text="The type of the exception, if it was a bug.")
    traceback = models.TextField(blank=True, help_text="Where it was raised; without messages and values.")
    times = models.PositiveIntegerField(db_default=1, help_text="How often the run came here.")
    follows = models.ForeignKey(
        IngestRun, models.PROTECT, null=True, blank=True, related_name="+", help_text="Goes once this run did well."
    )
    asked_by = models.CharField(max_length=80, blank=True, db_default="", help_text="Who asked for its release.")
    note = models.CharField(max_length=200, blank=True, db_default="", help_text="Why it was given up.")
    created_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now(), help_text="When it came here last.")

    objects = QuarantineQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "quarantine"

    def __str__(self) -> str:
        return f"{self.run_id}: {self.failure}"


class RetryRule(models.Model):
    """What takes the place of the default policy for a class of failures, at one kind of connector or at all.

    What waits already keeps its time: a rule is read when a run fails.
    """

    class Then(models.TextChoices):
        QUARANTINED = "quarantined", "Quarantine it"
        FAILED = "failed", "Let it fail"

    kind = models.CharField("connector", max_length=40, blank=True, help_text="A kind of connector; empty means all.")
    failure = models.CharField("failure class", max_length=20, choices=[(name, name) for name in KINDS])
    attempts = models.PositiveSmallIntegerField(help_text="How often a run may fail before it is given up: 1 to 100.")
    base_s = models.FloatField("first delay", default=60, help_text="Seconds. Each wait is a random share of it.")
    factor = models.FloatField("grows by", default=2, help_text="What each delay is multiplied with: 1 to 10.")
    cap_s = models.FloatField("longest delay", default=3600, help_text="Seconds, up to seven days.")
    then = models.CharField("in the end", max_length=20, choices=Then, default=Then.QUARANTINED)

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["kind", "failure"],
                name="one_rule_per_connector_and_failure",
                violation_error_message="There is a rule for this connector and failure class already.",
            ),
            CheckConstraint(
                condition=Q(failure__in=KINDS),
                name="rule_is_for_a_known_failure",
                violation_error_message="There is no such failure class.",
            ),
            CheckConstraint(
                condition=Q(attempts__gte=1, attempts__lte=100),
                name="attempts_are_1_to_100",
                violation_error_message="Attempts must be from 1 to 100.",
            ),
            CheckConstraint(
                condition=Q(factor__gte=1, factor__lte=10),
                name="factor_is_1_to_10",
                violation_error_message="The delay may grow by a factor from 1 to 10.",
            ),
            CheckConstraint(
                condition=Q(base_s__gte=0, cap_s__gte=F("base_s"), cap_s__lte=7 * 24 * 3600),
                name="delays_are_in_order",
                violation_error_message="The first delay cannot be negative, nor longer than the longest, "
                "and the longest is at most seven days.",
            ),
            CheckConstraint(condition=Q(then__in=["quarantined", "failed"]), name="rule_ends_in_a_known_status"),
        ]

    def __str__(self) -> str:
        return f"{self.failure} at {self.kind or 'every connector'}"
