"""Who allowed that a source is taken in, for what, and until when. A source has one open grant at most."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from handoffs import diary
from handoffs.models import Grant, Source
from ledger.failures import Consent
from ledger.reasons import Reason

# The same as `valid`, for a statement of one's own over handoffs_grant.
HOLDS = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"


def valid() -> QuerySet[Grant]:
    """The grants that hold now, by the clock of the database."""
    return Grant.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)


def grant(sources: Collection[int], *, by: str, scope: str = "", until: datetime | None = None) -> None:
    """Give each of the sources a grant, in place of an open one. Needs a transaction."""
    _close(sources, by=by)
    Grant.objects.bulk_create(
        Grant(source_id=pk, scope=scope, granted_by=by, expires_at=until) for pk in sorted(sources)
    )
    diary.note(sources, Reason.CONSENT_GRANTED, by=by, words=scope)


def revoke(sources: Collection[int], *, by: str) -> list[int]:
    """Withdraw the sources' grants; return the sources that had one. Needs a transaction."""
    found = _close(sources, by=by)
    diary.note(found, Reason.CONSENT_REVOKED, by=by)
    return found


def granted(source_id: int) -> bool:
    return valid().filter(source=source_id).exists()


def ask(source: Source) -> None:
    """Raise Consent, with the remedy, if nobody allows that the source is looked at now."""
    if not granted(source.pk):
        raise missing(source)


def missing(source: Source | int) -> Consent:
    """The failure of a source, or of one by its id, that nobody allows to be taken in."""
    return Consent(Reason.NO_CONSENT, f"manage.py consent grant {source}")


def ended(sources: Collection[int]) -> list[int]:
    """Those of the sources that had a grant and have none that holds."""
    return list(_ended().filter(pk__in=sources).values_list("pk", flat=True))


def lapsed() -> QuerySet[Source]:
    """Sources that go on though their grants ended."""
    return _ended().filter(paused=False)


def _ended() -> QuerySet[Source]:
    had = Grant.objects.filter(source=OuterRef("pk"))
    holds = valid().filter(source=OuterRef("pk"))
    return Source.objects.filter(Exists(had), ~Exists(holds)).order_by("pk")


def _close(sources: Collection[int], *, by: str) -> list[int]:
    rows = Grant.objects.filter(source__in=sources, revoked_at=None).order_by("source_id").select_for_update()
    found = list(rows.values_list("pk", "source_id"))
    Grant.objects.filter(pk__in=[pk for pk, _ in found]).update(revoked_at=Now(), revoked_by=by)
    return [source_id for _, source_id in found]
