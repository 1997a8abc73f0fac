"""What a flight took at a stage, as it was measured."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q
from django.db.models.functions import Now

from handoffs.models import Source
from ingestion.models.runs import Flight, Stage


class Visit(models.Model):
    """A flight at a stage, from boarding to the end of what was settled. Only added to; a lost flight leaves none.

    `runs`, `weights` and `items` are side by side, one place for each run: who was aboard, how much of the work it was,
    and of how many pieces. A run's own share of the time and the CPU time follows from its weight.
    """

    flight = models.ForeignKey(Flight, models.PROTECT, related_name="visits")
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False)
    stage = models.CharField(max_length=10, choices=Stage)
    ended_at = models.DateTimeField(db_default=Now())
    waited_s = models.FloatField(help_text="From when it was ready for the stage until a worker boarded it.")
    took_s = models.FloatField(help_text="From boarding to the end of what was settled.")
    cpu_s = models.FloatField(help_text="CPU time of the worker's process and of the parser that works for it.")
    peak_bytes = models.BigIntegerField(help_text="The most memory that these two had meanwhile, the models included.")
    size_bytes = models.BigIntegerField(help_text="Payload bytes of the runs.")
    runs = ArrayField(models.BigIntegerField())
    weights = ArrayField(models.BigIntegerField())
    items = ArrayField(models.IntegerField(), help_text="Passages or patches that the stage had of each run.")
    failures = models.JSONField(default=dict, help_text="How many of the runs failed, by class.")

    class Meta:
        triggers = [pgtrigger.Protect(name="visit_only_added_to", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [
            CheckConstraint(
                condition=Q(runs__len__gt=0, weights__len=F("runs__len"), items__len=F("runs__len")),
                name="visit_weighs_each_of_its_runs",
            )
        ]
        indexes = [
            GinIndex(fields=["runs"], name="visit_of_run"),
            Index(fields=["source", "-id"], name="visit_by_source"),
        ]

    def __str__(self) -> str:
        return f"flight {self.flight_id} at {self.stage}"
