"""What changes: batches of patches, the verdicts on them, and when each batch was live."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from handoffs.models import Payload, Reference, Reflection, Source
from ledger.reasons import Reason, reasons
from patches.lifecycles import BATCH

GATE = "gate"  # who signs a verdict that no person gave


class BatchStatus(models.TextChoices):
    DRAFT = "draft"
    PROPOSED = "proposed"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    REVERTED = "reverted"
    REJECTED = "rejected"
    PURGED = "purged"


# The latest verdict on exactly this digest has to approve, whoever writes the status.
AS_JUDGED = """
IF (SELECT v.decision FROM patches_verdict v WHERE v.batch_id = NEW.id AND v.digest = NEW.digest
    ORDER BY v.id DESC LIMIT 1) IS DISTINCT FROM 'approve' THEN
  RAISE EXCEPTION 'batch % has no approving verdict on its digest', NEW.id USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


# What a batch consists of goes when the batch is purged, and not before.
ONLY_PURGED = """
IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM patches_patchbatch b WHERE b.id = OLD.batch_id AND b.status = 'purged') THEN
  RETURN OLD;
END IF;
RAISE EXCEPTION 'Cannot change %: its rows go only with a purged batch', TG_TABLE_NAME;
"""


def until_purged(name: str) -> pgtrigger.Trigger:
    """Refuses every update, and every deletion but that of a purged batch's rows."""
    return pgtrigger.Trigger(
        name=name, when=pgtrigger.Before, operation=pgtrigger.Update | pgtrigger.Delete, func=ONLY_PURGED
    )


class PatchBatch(models.Model):
    """The proposed changes of one content of one source, or of a person. Its status changes only through BATCH.move."""

    # an index that another one begins with is left out, here and below
    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="batches", db_index=False)
    source = models.ForeignKey(
        Source,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="batches",
        db_index=False,
        help_text="None: a person's own order.",
    )
    content_hash = models.CharField(max_length=64)
    recipe = models.CharField(max_length=64, help_text="Hash of every transform that made it.")
    title = models.TextField(blank=True)
    digest = models.CharField(max_length=64, help_text="SHA-256 over its patches; what a verdict is bound to.")
    approved_digest = models.CharField(max_length=64, null=True, blank=True)  # noqa: DJ001  not approved is no text
    status = models.CharField(max_length=20, choices=BatchStatus, default=BatchStatus.DRAFT)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.PROPOSED)
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "patch batches"
        triggers = [
            BATCH.guard(),
            pgtrigger.Trigger(
                name="only_with_a_verdict",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__status__in=["approved", "applied"]),
                func=AS_JUDGED,
            ),
            pgtrigger.Protect(
                name="digest_is_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("digest", "content_hash", "recipe", "source", "reflection"),
            ),
        ]
        constraints = [
            BATCH.known(),
            UniqueConstraint(
                fields=["reflection", "source", "content_hash", "recipe"],
                condition=~Q(status="purged"),
                name="one_batch_per_content_and_recipe",
            ),
            CheckConstraint(
                condition=~Q(status__in=["approved", "applied"])
                | (Q(approved_digest__isnull=False) & Q(approved_digest=F("digest"))),
                name="approved_only_as_judged",
            ),
        ]
        indexes = [
            Index(fields=["source", "content_hash"], name="batch_of_content"),
            Index(fields=["id"], condition=Q(status="approved"), name="batch_to_be_applied"),
            Index(fields=["since"], condition=Q(status="in_review"), name="batch_in_review"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}: {self.title}"


class Patch(models.Model):
    """One change: put passages, assert a fact, take two entities for one or apart again. Never altered once written."""

    class Op(models.TextChoices):
        PUT_PASSAGES = "put_passages"
        ASSERT_FACT = "assert_fact"
        MERGE_ENTITY = "merge_entity"
        SPLIT_ENTITY = "split_entity"

    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="patches", db_index=False)
    n = models.PositiveIntegerField()
    op = models.CharField(max_length=20, choices=Op)
    payload = models.JSONField()

    class Meta:
        verbose_name_plural = "patches"
        triggers = [until_purged("patch_never_changes")]
        constraints = [UniqueConstraint(fields=["batch", "n"], name="patches_are_numbered")]

    def __str__(self) -> str:
        return f"{self.batch_id}.{self.n} {self.op}"


class Verdict(models.Model):
    """A decision on a batch, bound to the batch's digest: the gate's, or a person's after it.

    Append only: a new judgement is a new row, and the latest one counts.
    """

    class Decision(models.TextChoices):
        APPROVE = "approve"
        REVIEW = "review"
        REJECT = "reject"

    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="verdicts", db_index=False)
    digest = models.CharField(max_length=64)
    decision = models.CharField(max_length=10, choices=Decision)
    policy = models.CharField(max_length=40, help_text="Name and version of the policy that judged.")
    policy_digest = models.CharField(max_length=64, blank=True, db_default="", help_text="What was in that policy.")
    recipe = models.CharField(max_length=40, blank=True, db_default="", help_text="The version of the checks.")
    seq = models.BigIntegerField(db_default=0, help_text="The apply number up to which the store was looked at.")
    checks = models.JSONField(help_text="Per check: value, threshold, passed, what follows, offending patches and why.")
    rejected = ArrayField(models.PositiveIntegerField(), default=list, help_text="Patches that may not be applied.")
    held = ArrayField(
        models.PositiveIntegerField(), default=list, db_default=[], help_text="Patches that a person is asked about."
    )
    by = models.CharField(max_length=80, db_default=GATE, help_text="The gate, or the person who decided.")
    why = models.TextField(blank=True, db_default="", help_text="A person's words.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [until_purged("verdict_never_changes")]
        constraints = [
            CheckConstraint(condition=Q(by=GATE) ^ ~Q(why=""), name="a_person_says_why"),
            CheckConstraint(condition=Q(decision__in=["approve", "review", "reject"]), name="verdict_is_known"),
        ]
        indexes = [Index(fields=["batch", "-id"], name="latest_verdict")]

    def __str__(self) -> str:
        return f"{self.decision} {self.batch_id}"


class Carrier(models.Model):
    """Which batch holds what a reference says now; a reference that is gone has none."""

    reference = models.OneToOneField(Reference, models.PROTECT, primary_key=True, related_name="carrier")
    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="carriers")

    def __str__(self) -> str:
        return f"{self.reference_id} in batch {self.batch_id}"


class ReferenceVersion(models.Model):
    """What a reference has said, a row for each batch of it; the higher id was said later.

    A reference carries the last one that stands, neither reverted nor refused: a pure function of these rows and of the
    batches' statuses, so that reverts need no order.
    """

    reference = models.ForeignKey(Reference, models.PROTECT, related_name="versions", db_index=False)
    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="versions")
    payload = models.ForeignKey(Payload, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [UniqueConstraint(fields=["reference", "batch"], name="one_version_per_reference_and_batch")]

    def __str__(self) -> str:
        return f"{self.reference_id} said batch {self.batch_id}"


class UncarriedBatch(models.Model):
    """A batch that lost a carrier: to be looked at, and retired if that was the last one."""

    batch = models.OneToOneField(PatchBatch, models.PROTECT, primary_key=True, related_name="+")
    since = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "uncarried batches"

    def __str__(self) -> str:
        return str(self.batch_id)


class ApplyTransaction(models.Model):
    """One change of what the store holds. Its number is the store's clock; append only."""

    seq = models.BigAutoField(primary_key=True)
    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=40, choices=reasons, db_default=Reason.APPLIED)
    by = models.CharField(max_length=80, blank=True, db_default="")

    class Meta:
        indexes = [Index(fields=["reflection", "at", "seq"], name="apply_number_at")]
        triggers = [pgtrigger.Protect(name="apply_log_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(self.seq)


class BatchLife(models.Model):
    """A span of apply numbers during which a batch was live: [applied, superseded or reverted)."""

    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="lives")
    sys = BigIntegerRangeField()

    class Meta:
        verbose_name_plural = "batch lives"
        constraints = [
            UniqueConstraint(fields=["batch"], condition=Q(sys__upper_inf=True), name="one_open_life_per_batch"),
            CheckConstraint(condition=Q(sys__isempty=False), name="life_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id} {self.sys}"
