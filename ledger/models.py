import pgtrigger
from django.db import models
from django.db.models.functions import Now

from ledger.reasons import reasons


class Event(models.Model):
    """One transition of one row, with who and why. Append only: the database refuses update and delete."""

    at = models.DateTimeField(db_default=Now())
    lifecycle = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    was = models.CharField(max_length=20)
    became = models.CharField(max_length=20)
    reason = models.CharField(max_length=40, choices=reasons)
    by = models.CharField(max_length=80)
    note = models.TextField(blank=True, db_default="", help_text="Why, in the words of the person who decided it.")

    class Meta:
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        indexes = [models.Index(fields=["lifecycle", "row_id", "id"], name="event_of_row")]

    def __str__(self) -> str:
        return f"{self.lifecycle} {self.row_id}: {self.was} → {self.became} ({self.reason})"
