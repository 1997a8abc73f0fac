"""Purges that need a second person: one asks with a reason, another one confirms or refuses, or time does.

Who asks and who confirms are persons of the console, and never the same: the database refuses that.
"""

from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from handoffs import diary
from handoffs.models import Reference, Source
from ingestion.lifecycles import APPROVAL
from ingestion.models import Approval
from ingestion.purging import bar, bar_source
from ingestion.sync import SyncBusy
from ingestion.waking import wake
from ledger.crashpoints import reached
from ledger.deeds import Answer, in_pages
from ledger.reasons import Reason

MAY_PURGE = "handoffs.delete_reference"
LASTS = timedelta(days=7)
BY = "sweep"


def persons_needed() -> int:
    """How many persons a purge needs: as set, else two once the console has two who may purge."""
    if settings.PURGE_PERSONS:
        return int(settings.PURGE_PERSONS)
    staff = User.objects.filter(is_active=True, is_staff=True).order_by("pk")
    return max(1, len(list(islice((one for one in staff if one.has_perm(MAY_PURGE)), 2))))


def ask(what: Source | QuerySet[Reference], why: str, *, person: User, by: str) -> list[Approval]:
    """Put down that the person wants a whole source purged, or these items: a request for each of their sources."""
    wanted: dict[int, list[UUID]] = {what.pk: []} if isinstance(what, Source) else {}
    if not isinstance(what, Source):
        for pk, source in what.order_by("pk").values_list("pk", "source"):
            wanted.setdefault(source, []).append(pk)
    asked = []
    with transaction.atomic(durable=True):
        for source, references in sorted(wanted.items()):
            given = {"source_id": source, "references": references, "why": why, "asked_by": person}
            asked.append(Approval.objects.create(**given, expires_at=Now() + LASTS))
            size = f"{len(references)} items" if references else "all of it"
            words = f"{size}, approval {asked[-1].pk}: {why}"
            diary.note([source], Reason.SECOND_ASKED, by=by, words=words)
    return asked


def confirm(approvals: QuerySet[Approval], *, person: User, by: str, dry_run: bool = False) -> Answer:
    """Agree to what others asked for, and bar it; the sweep erases it. Refused are one's own, and what is over."""

    def page(ids: list[int]) -> Answer:
        rows = Approval.objects.filter(pk__in=ids)
        own = list(rows.filter(asked_by=person, status="asked").values_list("pk", flat=True))
        others = rows.filter(expires_at__gt=Now()).exclude(asked_by=person)
        told: dict[str, Any] = {"reason": Reason.SECOND_CONFIRMED, "by": by}
        moved = APPROVAL.move(others, was={"asked"}, to="confirmed", decided_by=person.pk, **told)
        reached("approval.before_commit")
        return Answer({"confirmed": moved}, {"own": own, "over": sorted(set(ids) - set(own) - set(moved))})

    answer = in_pages(approvals, page, dry_run=dry_run)
    if not dry_run:
        carry_out()
    return answer


def refuse(approvals: QuerySet[Approval], why: str, *, person: User, by: str, dry_run: bool = False) -> Answer:
    """Turn down what was asked for, one's own too."""

    def page(ids: list[int]) -> Answer:
        told: dict[str, Any] = {"reason": Reason.SECOND_REFUSED, "by": by, "note": why}
        rows = Approval.objects.filter(pk__in=ids)
        moved = APPROVAL.move(rows, was={"asked"}, to="refused", decided_by=person.pk, **told)
        return Answer({"refused": moved}, {"over": sorted(set(ids) - set(moved))})

    return in_pages(approvals, page, dry_run=dry_run)


def carry_out() -> int:
    """Bar what was confirmed and is not barred yet, and end what nobody confirmed in time; how many were barred.

    A chore of the dispatcher too, for what a process left behind. Barred twice, it ends the same.
    """
    over = Approval.objects.filter(expires_at__lte=Now())
    APPROVAL.move(over, was={"asked"}, to="expired", reason=Reason.SECOND_EXPIRED, by=BY)
    done = 0
    for one in Approval.objects.filter(status="confirmed").select_related("source", "decided_by").order_by("pk"):
        by, words = f"admin:{one.decided_by}"[:80], f"approval {one.pk}: {one.why}"
        try:
            if one.references:
                bar(Reference.objects.filter(source=one.source, pk__in=one.references), by=by, reason=words)
            else:
                bar_source(one.source, by=by, reason=words)
        except SyncBusy:
            continue  # it is paused: the sync ends, and the next round finds it free
        reached("approval.barred")
        row = Approval.objects.filter(pk=one.pk)
        done += len(APPROVAL.move(row, was={"confirmed"}, to="done", reason=Reason.PURGED, by=by))
    if done:
        wake()
    return done
