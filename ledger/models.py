"""What happened, and the seals upon it: append-only tables that every app writes to."""

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from ledger.reasons import reasons


class AskedBy(Func):
    """The request that this connection works for, as `ledger.requests` said; empty for none."""

    template = "coalesce(current_setting('sluicegate.request_id', true), '')"
    output_field = models.CharField()
    arity = 0


# How those are named who ask, be it a person or a program: the rest is done by workers.
ASKING = ("admin:", "cli:", "token:")


def asked_for() -> Q:
    """Events that somebody asked for. Index: event_asked_for."""
    return Q(by__startswith=ASKING[0]) | Q(by__startswith=ASKING[1]) | Q(by__startswith=ASKING[2])


class Event(models.Model):
    """One transition of one row, with who and why. Append only: the database refuses update and delete."""

    at = models.DateTimeField(db_default=Now())
    lifecycle = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    was = models.CharField(max_length=20)
    became = models.CharField(max_length=20)
    reason = models.CharField(max_length=40, choices=reasons)
    by = models.CharField(max_length=80)
    request_id = models.CharField(
        max_length=64, db_default=AskedBy(), editable=False, help_text="The request in which it was asked for."
    )
    note = models.TextField(blank=True, db_default="", help_text="Why, in the words of the person who decided it.")

    class Meta:
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        indexes = [
            models.Index(fields=["lifecycle", "row_id", "id"], name="event_of_row"),
            BrinIndex(fields=["at"], name="event_at"),
            models.Index(fields=["-id"], condition=asked_for(), name="event_asked_for"),
            models.Index(fields=["request_id", "-id"], condition=~Q(request_id=""), name="event_of_request"),
        ]

    def __str__(self) -> str:
        return f"{self.lifecycle} {self.row_id}: {self.was} → {self.became} ({self.reason})"


class Seal(models.Model):
    """A span of events, [since, until) by their time, and the hash of them and of the seal before: append only.

    Who changes, removes or adds an event of a sealed span breaks this seal, and with it all later ones.
    """

    since = models.DateTimeField(unique=True)
    until = models.DateTimeField(unique=True)
    events = models.PositiveBigIntegerField()
    previous = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        triggers = [pgtrigger.Protect(name="seal_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [models.CheckConstraint(condition=Q(until__gt=F("since")), name="seal_spans_some_time")]

    def __str__(self) -> str:
        return f"{self.events} events until {self.until:%Y-%m-%d %H:%M:%S}"
