"""What the store holds: passages, entities, assertions with their evidence, and the facts they amount to."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, BigIntegerRangeField, DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import CheckConstraint, Index, Q, UniqueConstraint
from pgvector.django import VectorField

from handoffs.models import Reflection
from patches.models.batches import PatchBatch


class Passage(models.Model):
    """A piece of a document's text, `text[start:end]` of the normalised document. Searched while its batch is live."""

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="+", db_index=False)
    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="passages", db_index=False)
    n = models.PositiveIntegerField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    vector = VectorField()
    words = models.GeneratedField(
        expression=SearchVector("text", config="english"), output_field=SearchVectorField(), db_persist=True
    )
    live = models.BooleanField(default=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="passage_never_changes",
                when=pgtrigger.After,  # one before would have every word of the text counted again for `words`
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("batch", "n", "start", "end", "text", "text_hash"),
            )
        ]
        constraints = [
            UniqueConstraint(fields=["batch", "n"], name="passages_are_numbered"),
            CheckConstraint(condition=Q(end__gt=models.F("start")), name="passage_is_not_empty"),
        ]
        indexes = [
            GinIndex(fields=["words"], name="passage_words", condition=Q(live=True)),
            Index(fields=["reflection"], name="passage_live", condition=Q(live=True)),
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}.{self.n}"


class Entity(models.Model):
    """A person, organisation, place, document: one per reflection, type and normalised name."""

    id = models.UUIDField(primary_key=True)
    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="+", db_index=False)
    type = models.CharField(max_length=20)
    key = models.TextField(help_text="The normalised name; for a document, the hash of its content.")
    name = models.TextField()

    class Meta:
        verbose_name_plural = "entities"
        constraints = [UniqueConstraint(fields=["reflection", "type", "key"], name="one_entity_per_name")]

    def __str__(self) -> str:
        return self.name


class Predicate(models.Model):
    """What can be said of an entity, and how many values may hold at one time."""

    class Cardinality(models.TextChoices):
        SINGLE = "single", "One value at a time"
        MANY = "many", "Any number of values at a time"
        EVENT = "event", "Happens; never contradicts"

    name = models.CharField(
        max_length=40,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", "Small letters, digits and underscores; a letter first.")],
    )
    label = models.CharField(max_length=80, help_text="As a person reads it: “is led by”.")
    inverse = models.CharField(
        max_length=80, blank=True, db_default="", help_text="The same, read from the object: “leads”."
    )
    cardinality = models.CharField(max_length=10, choices=Cardinality)
    subject_types = ArrayField(models.CharField(max_length=20))
    object_types = ArrayField(models.CharField(max_length=20))

    def __str__(self) -> str:
        return self.name


class Precision(models.TextChoices):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    UNKNOWN = "unknown"


class Basis(models.TextChoices):
    STATED = "stated", "The text states it"
    DOCUMENT = "document", "The document's own date"
    UNKNOWN = "unknown", "Nothing says when"


class Statement(models.Model):
    """The columns that an assertion and a fact share: who, what, and when it holds in the world."""

    reflection = models.ForeignKey(Reflection, models.PROTECT, related_name="+")
    slot = models.UUIDField()
    subject = models.ForeignKey(Entity, models.PROTECT, related_name="+")
    predicate = models.ForeignKey(Predicate, models.PROTECT, related_name="+", db_index=False)
    object_entity = models.ForeignKey(Entity, models.PROTECT, null=True, blank=True, related_name="+")
    object_text = models.TextField(help_text="The value as written; for an entity, its name.")
    object_key = models.TextField(help_text="What makes two values the same.")
    valid = DateTimeRangeField()
    precision = models.CharField(max_length=10, choices=Precision)
    basis = models.CharField(max_length=10, choices=Basis)

    class Meta:
        abstract = True


class Assertion(Statement):
    """One batch's claim, with the words that make it: characters [start, end) of the document.

    Subject and object are as said; `slot` is where it counts, by whom they count as. Only `live` and `slot` change.
    """

    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="assertions", db_index=False)
    n = models.PositiveIntegerField(help_text="The patch that proposed it.")
    quote = models.TextField()
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    live = models.BooleanField(default=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="assertion_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["live", "slot"]),
            )
        ]
        constraints = [UniqueConstraint(fields=["batch", "n"], name="assertions_are_numbered")]
        indexes = [Index(fields=["slot"], name="assertion_in_slot")]  # of the past too; and so, `live` changes in place

    def __str__(self) -> str:
        return f"{self.subject_id} {self.predicate_id} {self.object_text}"


# The one update that a fact may see: its open version is closed.
ONLY_CLOSING = """
IF upper_inf(OLD.sys) AND NOT upper_inf(NEW.sys) AND lower(NEW.sys) = lower(OLD.sys)
   AND to_jsonb(NEW) - 'sys' = to_jsonb(OLD) - 'sys' THEN RETURN NEW; END IF;
RAISE EXCEPTION 'a fact version can only be closed';
"""


# What nobody asserts any more, not even in the past, may be forgotten: its words were purged.
ONLY_UNSAID = """
IF NOT upper_inf(OLD.sys) AND NOT EXISTS (
  SELECT FROM patches_assertion a WHERE a.slot = OLD.slot AND a.object_key = OLD.object_key
                                    AND a.object_text = OLD.object_text) THEN RETURN OLD; END IF;
RAISE EXCEPTION 'Cannot delete a fact version: it goes only once it is closed and nothing says it any more';
"""


class Fact(Statement):
    """A version of what a slot's live assertions amount to: valid in the world, known to the store during `sys`."""

    sys = BigIntegerRangeField()

    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="fact_only_closes", when=pgtrigger.Before, operation=pgtrigger.Update, func=ONLY_CLOSING
            ),
            pgtrigger.Trigger(
                name="fact_never_deleted", when=pgtrigger.Before, operation=pgtrigger.Delete, func=ONLY_UNSAID
            ),
        ]
        constraints = [
            ExclusionConstraint(
                name="open_versions_do_not_overlap",
                expressions=[("slot", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
                condition=Q(sys__upper_inf=True),
            ),
            CheckConstraint(condition=Q(valid__isempty=False) & Q(sys__isempty=False), name="fact_ranges_not_empty"),
        ]
        indexes = [
            Index(fields=["slot"], name="fact_open_in_slot", condition=Q(sys__upper_inf=True)),
            Index(fields=["subject", "predicate"], name="fact_about"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.predicate_id} {self.object_text}"
