"""When sources are synced: their schedules, and each time that one was due, asked for, or hinted at."""

from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from handoffs.models import Source
from ingestion.lifecycles import OCCURRENCE
from ledger.reasons import Reason, reasons


class Overlap(models.TextChoices):
    SKIP = "skip", "Skip it"
    QUEUE = "queue", "Let one wait"


class Schedule(models.Model):
    """When a source is synced: by cron's rules in a time zone, or every so many seconds from `anchor` on.

    What is due is decided from `next_at` and the database's clock, whoever asks and how often.
    """

    source = models.OneToOneField(Source, models.PROTECT, primary_key=True, related_name="schedule")
    cron = models.CharField(max_length=100, blank=True, help_text="Minute, hour, day, month, day of week.")
    time_zone = models.CharField(max_length=63, default="UTC")
    every_s = models.PositiveIntegerField("every", null=True, blank=True, help_text="Seconds.")
    anchor = models.DateTimeField(db_default=Now(), help_text="What an interval is counted from.")
    overlap = models.CharField(
        max_length=10, choices=Overlap, default=Overlap.SKIP, help_text="When the one before has not ended."
    )
    grace_s = models.PositiveIntegerField(
        "grace", default=3600, help_text="Seconds that a missed time may be late and still be made up for, once."
    )
    jitter_s = models.PositiveIntegerField(
        "jitter", default=0, help_text="Seconds over which the beginnings are spread."
    )
    next_at = models.DateTimeField(help_text="The first time that nobody has dealt with.")

    class Meta:
        constraints = [
            CheckConstraint(condition=Q(cron="") ^ Q(every_s=None), name="schedule_is_cron_or_interval"),
            CheckConstraint(condition=Q(every_s=None) | Q(every_s__gte=1), name="interval_is_positive"),
            CheckConstraint(condition=Q(overlap__in=Overlap.values), name="overlap_is_known"),
        ]
        indexes = [Index(fields=["next_at"], name="schedule_next")]

    def __str__(self) -> str:
        return f"{self.cron} {self.time_zone}" if self.cron else f"every {self.every_s} s"


class Cause(models.TextChoices):
    SCHEDULED = "scheduled"
    ASKED = "asked"
    HINTED = "hinted"


class OccurrenceStatus(models.TextChoices):
    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    MISSED = "missed"


class Occurrence(models.Model):
    """One time that a source is synced, or was not. Its status changes only through OCCURRENCE.move.

    A source has one that is due and one that runs at most. Whoever runs it holds a lease; `fence` grows each time that
    somebody takes it up, and who writes its end compares it.
    """

    source = models.ForeignKey(Source, models.PROTECT, related_name="occurrences", db_index=False)
    scheduled_for = models.DateTimeField(help_text="The time of the schedule; else when it was asked for.")
    cause = models.CharField(max_length=10, choices=Cause, default=Cause.SCHEDULED)
    by = models.CharField(max_length=80, help_text="Who made it.")
    status = models.CharField(max_length=20, choices=OccurrenceStatus, default=OccurrenceStatus.DUE)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.SCHEDULED)
    next_attempt_at = models.DateTimeField(null=True, blank=True, help_text="While it is due: not before.")
    rung_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last sent for.")
    worker = models.CharField(max_length=80, blank=True)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Times that it failed by itself.")
    crashes = models.PositiveIntegerField(default=0, help_text="Times that its worker was not heard of any more.")
    accept_deletions = models.BooleanField(default=False)
    recheck = models.BooleanField(default=False)
    report = models.JSONField(default=dict, blank=True, help_text="What was found, so far or in all.")
    failure = models.CharField(max_length=20, blank=True, help_text="The class of its last failure.")
    detail = models.TextField(blank=True, help_text="What an operator may know of its last failure.")
    traceback = models.TextField(blank=True, help_text="Of a bug: where it was raised, without messages and values.")
    missed_since = models.DateTimeField(null=True, blank=True, help_text="It stands for every time from this one on.")
    started_at = models.DateTimeField(null=True, blank=True)
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [OCCURRENCE.guard()]
        constraints = [
            OCCURRENCE.known(),
            UniqueConstraint(fields=["source", "scheduled_for"], name="one_occurrence_per_source_and_time"),
            UniqueConstraint(fields=["source"], condition=Q(status="due"), name="one_due_occurrence_per_source"),
            UniqueConstraint(
                fields=["source"], condition=Q(status="running"), name="one_running_occurrence_per_source"
            ),
            CheckConstraint(condition=Q(status="due") ^ Q(next_attempt_at=None), name="due_occurrence_has_a_time"),
            CheckConstraint(condition=Q(status="running") ^ Q(lease_until=None), name="running_occurrence_has_a_lease"),
        ]
        indexes = [
            Index(fields=["next_attempt_at"], condition=Q(status="due"), name="occurrence_due"),
            Index(fields=["lease_until"], condition=Q(status="running"), name="occurrence_running"),
        ]

    def __str__(self) -> str:
        return f"sync {self.pk}"
