"""Who is whom: what batches say of entities being the same, and what that amounts to."""

import pgtrigger
from django.contrib.postgres.fields import BigIntegerRangeField
from django.db import models
from django.db.models import CheckConstraint, F, Q, UniqueConstraint

from patches.models.batches import PatchBatch
from patches.models.knowledge import ONLY_CLOSING, Entity


class Identity(models.Model):
    """One batch's word on who an entity is: the same as another, or itself alone. Only `live` changes."""

    batch = models.ForeignKey(PatchBatch, models.PROTECT, related_name="identities", db_index=False)
    n = models.PositiveIntegerField(help_text="The patch that proposed it.")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="identities")
    same_as = models.ForeignKey(Entity, models.PROTECT, null=True, blank=True, related_name="named_by")
    live = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "identities"
        triggers = [
            pgtrigger.Protect(
                name="identity_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(exclude=["live"]),
            )
        ]
        constraints = [
            UniqueConstraint(fields=["batch", "n"], name="identities_are_numbered"),
            CheckConstraint(condition=~Q(same_as=F("entity")), name="identity_names_two"),
        ]

    def __str__(self) -> str:
        return f"{self.entity_id} is {self.same_as_id or 'itself'}"


# As with facts: once it is closed, and no word on the entity is left, not even one of the past.
ONLY_UNSAID = """
IF NOT upper_inf(OLD.sys) AND NOT EXISTS (SELECT FROM patches_identity i WHERE i.entity_id = OLD.entity_id) THEN
  RETURN OLD;
END IF;
RAISE EXCEPTION 'Cannot delete an alias: it goes only once it is closed and nothing says it any more';
"""


class Alias(models.Model):
    """Whom an entity counts as, known to the store during `sys`: what the live words on it amount to."""

    entity = models.ForeignKey(Entity, models.PROTECT, related_name="aliases")
    canonical = models.ForeignKey(Entity, models.PROTECT, related_name="alias_of")
    sys = BigIntegerRangeField()

    class Meta:
        verbose_name_plural = "aliases"
        triggers = [
            pgtrigger.Trigger(
                name="alias_only_closes", when=pgtrigger.Before, operation=pgtrigger.Update, func=ONLY_CLOSING
            ),
            pgtrigger.Trigger(
                name="alias_never_deleted", when=pgtrigger.Before, operation=pgtrigger.Delete, func=ONLY_UNSAID
            ),
        ]
        constraints = [
            UniqueConstraint(fields=["entity"], condition=Q(sys__upper_inf=True), name="one_open_alias_per_entity"),
            CheckConstraint(
                condition=Q(sys__isempty=False) & ~Q(canonical=F("entity")), name="alias_of_another_for_some_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity_id} counts as {self.canonical_id}"
