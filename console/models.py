"""What the console shows of the past, summed up as it happens: pages read these few rows and never the ledger.

And what operators have ordered to be done to many rows, and who sees which knowledge bases.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from console.lifecycles import OPEN, OPERATION
from handoffs.models import Reflection, Source
from ledger.models import AskedBy
from ledger.reasons import Reason, reasons


class Span(models.IntegerChoices):
    """How long a row sums up, in seconds."""

    MINUTE = 60
    HOUR = 3600
    DAY = 86400


class Tally(models.Model):
    """How many rows of a lifecycle came to a status, for a reason, within a span that begins at `at`.

    Here, in Latency and in Usage a row without a source sums up all sources, and in it alone is what belongs to none.
    """

    span = models.IntegerField(choices=Span)
    at = models.DateTimeField()
    lifecycle = models.CharField(max_length=20)
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+", db_index=False)
    became = models.CharField(max_length=20)
    reason = models.CharField(max_length=40)
    times = models.BigIntegerField()

    class Meta:
        constraints = [
            UniqueConstraint(
                fields=["span", "at", "lifecycle", "source", "became", "reason"],
                nulls_distinct=False,
                name="one_tally_per_span_and_outcome",
            )
        ]
        indexes = [Index(fields=["span", "lifecycle", "at"], condition=Q(source=None), name="tally_of_all")]

    def __str__(self) -> str:
        return f"{self.times} × {self.lifecycle} {self.became} ({self.reason})"


class Latency(models.Model):
    """How many runs got through a stage about so fast: bucket n holds less than 2^(n/4) ms, and not less than before.

    Counted from the stage before, or from when the run was put aboard, so that the wait for a worker is in it.
    """

    span = models.IntegerField(choices=Span)
    at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+", db_index=False)
    stage = models.CharField(max_length=10)
    bucket = models.SmallIntegerField()
    times = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "latencies"
        constraints = [
            UniqueConstraint(
                fields=["span", "at", "source", "stage", "bucket"],
                nulls_distinct=False,
                name="one_latency_per_span_and_bucket",
            )
        ]
        indexes = [Index(fields=["span", "at"], condition=Q(source=None), name="latency_of_all")]

    def __str__(self) -> str:
        return f"{self.times} × {self.stage}"


class Usage(models.Model):
    """What flights took at a stage within a span that begins at `at`, as ingestion.models.Visit has it of each one."""

    span = models.IntegerField(choices=Span)
    at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+", db_index=False)
    stage = models.CharField(max_length=10)
    visits = models.BigIntegerField()
    runs = models.BigIntegerField()
    items = models.BigIntegerField(help_text="Passages or patches that the stage had of them.")
    size_bytes = models.BigIntegerField(help_text="Payload bytes of the runs.")
    waited_s = models.FloatField(help_text="For a worker, over all visits.")
    took_s = models.FloatField()
    cpu_s = models.FloatField()
    peak_bytes = models.BigIntegerField(help_text="The most memory that one visit had.")

    class Meta:
        verbose_name_plural = "usage"
        constraints = [
            UniqueConstraint(
                fields=["span", "at", "source", "stage"], nulls_distinct=False, name="one_usage_per_span_and_stage"
            )
        ]
        indexes = [Index(fields=["span", "at"], condition=Q(source=None), name="usage_of_all")]

    def __str__(self) -> str:
        return f"{self.visits} × {self.stage}"


class Trouble(models.Model):
    """How often runs failed within a span that begins at `at`, by class; a worker that died counts as `crash`."""

    span = models.IntegerField(choices=Span)
    at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False)
    failure = models.CharField(max_length=20)
    times = models.BigIntegerField()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["span", "at", "source", "failure"], name="one_trouble_per_span_and_class"),
        ]

    def __str__(self) -> str:
        return f"{self.times} × {self.failure}"


class Gauge(models.Model):
    """How deep the queue was in a minute: counted no further than rolling.COUNTED."""

    at = models.DateTimeField(primary_key=True)
    waiting = models.IntegerField()
    oldest_s = models.FloatField(help_text="How long the oldest of what could go had waited.")
    flights = models.IntegerField()
    quarantined = models.IntegerField()
    in_review = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.waiting} waiting at {self.at}"


class Backlog(models.Model):
    """How much of a source waited, and how long, at most within a span: looked at once a minute, if anything waited.

    Counted no further than rolling.COUNTED_OF_EACH, and the oldest is that of what was counted.
    """

    span = models.IntegerField(choices=Span)
    at = models.DateTimeField()
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False)
    waiting = models.IntegerField()
    oldest_s = models.FloatField()

    class Meta:
        constraints = [UniqueConstraint(fields=["span", "at", "source"], name="one_backlog_per_span")]

    def __str__(self) -> str:
        return f"{self.waiting} of source {self.source_id} waiting at {self.at}"


class Newest(models.Model):
    """When something of the source was last found live: applied, or the same as what is applied."""

    source = models.OneToOneField(Source, models.PROTECT, primary_key=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "newest"

    def __str__(self) -> str:
        return f"source {self.source_id} at {self.at}"


class Mark(models.Model):
    """How far a table of the ledger is summed up.

    `upto` is the highest id that was given out when it was looked at, `writers` who was writing then: once none of
    them is at it any more, all rows up to there are there to be counted.
    """

    feed = models.CharField(max_length=20, primary_key=True)
    seen = models.BigIntegerField(default=0)
    upto = models.BigIntegerField(default=0)
    writers = ArrayField(models.TextField(), default=list)

    def __str__(self) -> str:
        return f"{self.feed} up to {self.seen}"


class OperationStatus(models.TextChoices):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Operation(models.Model):
    """A deed for all rows of a list that match, worked off page by page. Its status changes only through OPERATION.

    `position` is the id up to which it was done: a page moves it in the transaction in which the page is dealt with, so
    whoever goes on after a crash does nothing twice and leaves nothing out.
    """

    deed = models.CharField(max_length=40)
    query = models.TextField(blank=True, help_text="The list's address: which rows were meant.")
    why = models.TextField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    by = models.CharField(max_length=80)
    request_id = models.CharField(max_length=64, db_default=AskedBy(), editable=False)
    upto = models.BigIntegerField(help_text="Rows with higher ids came later and are not meant.")
    position = models.BigIntegerField(default=0, help_text="Rows up to this id were dealt with.")
    matched = models.BigIntegerField(help_text="How many rows matched when it was asked for.")
    ids = ArrayField(
        models.BigIntegerField(),
        null=True,
        blank=True,
        help_text="Which rows are meant, where it moves others.",
    )
    looked_at = models.BigIntegerField(default=0)
    done = models.JSONField(default=dict, blank=True, help_text="How many, by what was done with them.")
    refused = models.JSONField(default=dict, blank=True, help_text="How many could not, by why not.")
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often its next page was begun.")
    status = models.CharField(max_length=20, choices=OperationStatus, default=OperationStatus.WAITING)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.ASKED_FOR)
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [OPERATION.guard()]
        constraints = [
            OPERATION.known(),
            CheckConstraint(condition=~Q(why=""), name="operation_says_why"),
            CheckConstraint(condition=Q(position__lte=F("upto")), name="operation_stays_within_what_was_meant"),
        ]
        indexes = [Index(fields=["id"], condition=Q(status__in=sorted(OPEN)), name="operation_open")]

    def __str__(self) -> str:
        return f"operation {self.pk}: {self.deed}"


class Sight(models.Model):
    """What a person of the console sees: these knowledge bases alone, and without any of them nothing.

    Who has no row here sees all of them, and so does a superuser.
    """

    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="sight")
    reflections = models.ManyToManyField(Reflection, blank=True, related_name="+")

    def __str__(self) -> str:
        return f"what {self.person} sees"


class SavedView(models.Model):
    """A list as a person wants to find it again: which one, what they call it, and what its address asks."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    listed = models.CharField(max_length=80, help_text="The table that is listed.")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=2000, blank=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["person", "listed", "name"], name="one_view_per_person_list_and_name"),
        ]

    def __str__(self) -> str:
        return self.name
