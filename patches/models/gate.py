"""What the gate is told by people: its policy in each reflection, version by version."""

import pgtrigger
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now

from handoffs.models import Reflection


class GatePolicy(models.Model):
    """One version of a reflection's policy; the latest is in force. Append only: a change is a new version."""

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="policies")
    version = models.PositiveIntegerField()
    name = models.SlugField(max_length=30)
    body = models.JSONField(help_text="What differs from the defaults: checks and review_days.")
    digest = models.CharField(max_length=64, help_text="SHA-256 over every rule, the defaults filled in.")
    by = models.CharField(max_length=80)
    why = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "gate policies"
        triggers = [pgtrigger.Protect(name="policy_never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [
            UniqueConstraint(fields=["reflection", "version"], name="policies_are_numbered"),
            CheckConstraint(condition=Q(version__gte=1), name="policy_versions_count_from_one"),
            CheckConstraint(condition=~Q(why=""), name="policy_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.name}-{self.version}"
