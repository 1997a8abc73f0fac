"""Allow sources to be taken in, and withdraw it: what is under way of them stops before its next stage."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from handoffs import consent
from handoffs.models import Source
from ingestion.operating import pause, resume
from ledger.deeds import Answer, in_pages
from ledger.reasons import Reason


def grant(
    sources: QuerySet[Source], *, by: str, scope: str = "", lasts: timedelta | None = None, dry_run: bool = False
) -> Answer:
    """Let the sources be taken in, for so long or until it is withdrawn; those that waited for that go on."""
    until: datetime | None = timezone.now() + lasts if lasts else None

    def page(ids: list[int]) -> Answer:
        consent.grant(ids, by=by, scope=scope, until=until)
        return Answer({"granted": ids})

    told = in_pages(sources, page, dry_run=dry_run)
    waited = sources.filter(paused=True, paused_why__startswith=Reason.NO_CONSENT.label)
    went_on = Answer() if dry_run else resume(waited, by=by)
    return told + Answer(went_on.done)


def revoke(sources: QuerySet[Source], *, by: str, dry_run: bool = False) -> Answer:
    """Withdraw the grants and hold the sources. Interrupted in between, the sweep holds them."""
    which = list(sources.values_list("pk", flat=True))
    with transaction.atomic(durable=True):
        found = consent.revoke(which, by=by)
        if dry_run:
            transaction.set_rollback(True)
    stopped = Source.objects.filter(pk__in=found)
    held = pause(stopped, Reason.NO_CONSENT.label, by=by, dry_run=dry_run, reason=Reason.NO_CONSENT)
    return Answer({"revoked": found}, {"not_granted": sorted(set(which) - set(found))}) + Answer(held.done)
