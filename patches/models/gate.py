"""What the gate is told by people: its policy in each reflection, version by version, and its golden questions."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, Q, UniqueConstraint
from django.db.models.functions import Now
from pgvector.django import VectorField

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


class GoldenQuestion(models.Model):
    """A question that the reflection has to go on answering: with these documents among its first k, or these facts."""

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="golden")
    question = models.TextField()
    k = models.PositiveSmallIntegerField(default=5, help_text="Among how many passages a document counts as found.")
    documents = ArrayField(models.TextField(), default=list, blank=True, help_text="Names of items.")
    facts = models.JSONField(default=list, blank=True, help_text="As `golden add` writes them.")
    vector = VectorField(null=True, blank=True)
    recipe = models.CharField(max_length=200, blank=True, db_default="", help_text="What made its vector.")
    by = models.CharField(max_length=80)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            UniqueConstraint(fields=["reflection", "question"], name="one_golden_question_of_its_words"),
            CheckConstraint(condition=~Q(documents=[]) | ~Q(facts=[]), name="golden_question_expects_something"),
            CheckConstraint(condition=Q(k__gte=1, k__lte=50), name="golden_k_is_1_to_50"),
        ]

    def __str__(self) -> str:
        return self.question
