"""What came in: knowledge bases, their sources, the items of a source, their bytes, and the requests to ingest them."""

from typing import Self
from uuid import UUID, uuid5

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from handoffs.lifecycles import HANDOFF, RUNNING, WAITING
from ledger.reasons import Reason, reasons

NAMESPACE = UUID("6f2d8a3e-0d0b-5c0e-9a55-51b1ce6a7e00")


def source_key(source_id: int) -> UUID:
    return uuid5(NAMESPACE, f"source:{source_id}")


def reference_id(source_id: int, external_id: str) -> UUID:
    """The same id on every replay: uuid5 over the source and the item's name in it (RFC 9562 §5.5)."""
    return uuid5(source_key(source_id), external_id)


class Reflection(models.Model):
    """One knowledge base: the boundary of search, policy and permission."""

    name = models.SlugField(max_length=80, unique=True)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


class Priority(models.IntegerChoices):
    HIGH = 0
    NORMAL = 1
    LOW = 2


class Trust(models.IntegerChoices):
    """How much a source's word counts beside another's: the gate lets no lower tier overrule a higher one."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


class Source(models.Model):
    """A registered origin: which connector, with what options, into which reflection."""

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="sources")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    options = models.JSONField(default=dict, blank=True)
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    weight = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)], help_text="Its share beside others."
    )
    trust = models.PositiveSmallIntegerField(
        choices=Trust, default=Trust.NORMAL, db_default=Trust.NORMAL, help_text="Whose word stands when two differ."
    )
    paused = models.BooleanField(default=False)
    paused_why = models.CharField(max_length=200, blank=True, db_default="")
    cursor = models.JSONField(default=dict, blank=True, help_text="Where its connector goes on listing.")
    deletions_held = models.PositiveIntegerField(
        default=0, help_text="Items that its last sync missed: too many to be believed without a person's word."
    )
    synced_at = models.DateTimeField(null=True, blank=True, help_text="When a listing was last complete.")
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        permissions = [("trust_source", "Can say how much a source's word counts")]
        constraints = [
            UniqueConstraint(fields=["reflection", "name"], name="one_source_of_a_name_per_reflection"),
            CheckConstraint(condition=Q(weight__gte=1), name="source_weight_is_positive"),
            CheckConstraint(condition=Q(priority__in=Priority.values), name="source_priority_is_known"),
            CheckConstraint(condition=Q(trust__in=Trust.values), name="source_trust_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.reflection}/{self.name}"


class Secret(models.Model):
    """A password or token of a source, sealed; handoffs.sealing alone opens it. Its connector is given it by name."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="secrets", db_index=False)
    name = models.CharField(max_length=40)
    sealed = models.TextField()
    set_by = models.CharField(max_length=80)
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["source", "name"], name="one_secret_of_a_name_per_source")]

    def __str__(self) -> str:
        return f"{self.name} of {self.source_id}"


class Grant(models.Model):
    """Somebody's word that a source may be taken in; handoffs.consent gives and withdraws it. Never deleted."""

    source = models.ForeignKey(Source, models.PROTECT, related_name="grants")
    scope = models.CharField(max_length=200, blank=True, help_text="What it is for, in words.")
    granted_by = models.CharField(max_length=80)
    granted_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["source"], condition=Q(revoked_at=None), name="one_open_grant_per_source"),
            CheckConstraint(condition=Q(revoked_at=None) ^ ~Q(revoked_by=""), name="who_revoked_is_known"),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk} of source {self.source_id}"


class Payload(models.Model):
    """The raw bytes of a reference at one moment, stored once under their SHA-256; never changed."""

    payload_hash = models.CharField(max_length=64, primary_key=True)
    size_bytes = models.BigIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True, help_text="Its bytes were purged; the hash is kept.")

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="payload_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["erased_at"]),
            )
        ]
        constraints = [
            CheckConstraint(condition=Q(payload_hash__regex=r"^[0-9a-f]{64}$"), name="payload_hash_is_sha256"),
            CheckConstraint(condition=Q(size_bytes__gte=0), name="payload_size_is_not_negative"),
        ]

    def __str__(self) -> str:
        return self.payload_hash


class Reference(models.Model):
    """One item of a source. `seen_*` moves when sync stores its bytes, `applied_*` only when its batch is applied.

    One that was purged has lost its name: by its id alone it is known again.
    """

    id = models.UUIDField(primary_key=True)
    source = models.ForeignKey(Source, models.PROTECT, related_name="references", db_index=False)
    external_id = models.TextField()
    media_type = models.CharField(max_length=100, blank=True)
    metadata = models.JSONField(default=dict, blank=True, help_text="What its source says of it.")
    seen_signature = models.CharField(max_length=200)
    seen_payload = models.ForeignKey(Payload, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    seen_at = models.DateTimeField(db_default=Now())
    applied_payload = models.ForeignKey(
        Payload, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    applied_content_hash = models.CharField(max_length=64, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True, help_text="It is never read again until that is lifted.")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When all that was learned from it was gone.")
    reason = models.CharField(
        max_length=40, choices=reasons, blank=True, help_text="Why sync stored no bytes for what it saw."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["source", "external_id"], name="one_reference_per_item"),
            CheckConstraint(condition=Q(purged_at=None) | ~Q(gone_at=None), name="what_was_purged_is_gone"),
        ]
        indexes = [
            Index(fields=["source"], condition=~Q(gone_at=None), name="reference_gone"),
            Index(fields=["id"], condition=~Q(purged_at=None) & Q(erased_at=None), name="reference_to_be_erased"),
            Index(fields=["seen_payload"], name="reference_by_seen"),
            Index(fields=["applied_payload"], name="reference_by_applied"),
        ]

    def __str__(self) -> str:
        return self.external_id


class HandoffQuerySet(models.QuerySet["Handoff"]):
    def waiting(self) -> Self:
        return self.filter(status__in=WAITING)


class HandoffStatus(models.TextChoices):
    PENDING = "pending"
    HELD = "held"
    QUEUED = "queued"
    INGESTING = "ingesting"
    INGESTED = "ingested"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class Handoff(models.Model):
    """The durable request to ingest one payload of one reference. Its status changes only through HANDOFF.move."""

    # a row moves often: no index that another one covers
    reference = models.ForeignKey(Reference, models.PROTECT, related_name="handoffs", db_index=False)
    payload = models.ForeignKey(Payload, models.PROTECT, related_name="handoffs", db_index=False)
    source = models.ForeignKey(Source, models.PROTECT, related_name="handoffs")
    size_bytes = models.BigIntegerField()
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    status = models.CharField(max_length=20, choices=HandoffStatus, default=HandoffStatus.PENDING)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.NEW)
    opened = models.PositiveIntegerField(default=1, help_text="How often it was opened: a payload can come back.")
    traceparent = models.CharField(
        max_length=55, blank=True, db_default="", help_text="Who brought it, in a trace (W3C Trace Context)."
    )
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    objects = HandoffQuerySet.as_manager()

    class Meta:
        triggers = [HANDOFF.guard()]
        constraints = [
            HANDOFF.known(),
            CheckConstraint(condition=Q(priority__in=Priority.values), name="handoff_priority_is_known"),
            UniqueConstraint(fields=["reference", "payload"], name="one_handoff_per_reference_and_payload"),
            UniqueConstraint(
                fields=["reference"], condition=Q(status__in=sorted(WAITING)), name="one_waiting_handoff_per_reference"
            ),
            UniqueConstraint(
                fields=["reference"], condition=Q(status__in=sorted(RUNNING)), name="one_running_handoff_per_reference"
            ),
        ]
        indexes = [
            Index(F("source"), F("priority"), F("since"), F("id"), condition=Q(status="pending"), name="handoff_ready"),
            Index(fields=["status", "reason"], name="handoff_by_outcome"),
            Index(fields=["payload"], name="handoff_by_payload"),
        ]

    def __str__(self) -> str:
        return f"handoff {self.pk}"


class ApiToken(models.Model):
    """What a program proves itself with at the API. Of the secret itself only the SHA-256 is kept."""

    class Scope(models.TextChoices):
        SUBMIT = "submit", "Hand over references"
        READ = "read", "See handoffs and runs"
        OPERATE = "operate", "Requeue and cancel handoffs"
        ASK = "ask", "Search, and see facts"

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="tokens")
    name = models.SlugField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    made_by = models.CharField(max_length=80)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [UniqueConstraint(fields=["reflection", "name"], name="one_token_of_a_name_per_reflection")]

    def __str__(self) -> str:
        return f"{self.reflection}/{self.name}"


class Submission(models.Model):
    """A request that came with an idempotency key: the same key stands for the same request, and is done once."""

    token = models.ForeignKey(ApiToken, models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [UniqueConstraint(fields=["token", "key"], name="one_submission_per_key")]

    def __str__(self) -> str:
        return self.key
