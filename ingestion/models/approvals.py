"""What one person asked for and another one has to agree to."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q
from django.db.models.functions import Now

from handoffs.models import Source
from ingestion.lifecycles import APPROVAL
from ledger.reasons import Reason, reasons


class ApprovalStatus(models.TextChoices):
    ASKED = "asked"
    CONFIRMED = "confirmed"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"


class Approval(models.Model):
    """A purge that waits for a second person. Its status changes only through APPROVAL.move.

    Of a source that is all its items, else those in `references`. Confirmed, it is carried out, however often its
    process dies.
    """

    source = models.ForeignKey(Source, models.PROTECT, related_name="approvals")
    references = ArrayField(models.UUIDField(), default=list, blank=True, help_text="None: the whole source.")
    why = models.TextField(help_text="In the words of the person who asks.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, blank=True)
    expires_at = models.DateTimeField(help_text="Nobody can confirm it from then on.")
    status = models.CharField(max_length=20, choices=ApprovalStatus, default=ApprovalStatus.ASKED)
    reason = models.CharField(max_length=40, choices=reasons, default=Reason.SECOND_ASKED)
    since = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [
            APPROVAL.guard(),
            pgtrigger.Protect(
                name="what_was_asked_for_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("source", "references", "why", "asked_by", "expires_at"),
            ),
        ]
        constraints = [
            APPROVAL.known(),
            CheckConstraint(
                condition=~Q(status__in=["confirmed", "done"])
                | (Q(decided_by__isnull=False) & ~Q(decided_by=F("asked_by"))),
                name="another_person_confirms",
            ),
        ]
        indexes = [Index(fields=["status"], condition=Q(status__in=["asked", "confirmed"]), name="approval_open")]

    def __str__(self) -> str:
        return f"approval {self.pk}"
