"""The secrets that programs prove themselves with: made once, shown once, kept as a hash, ended at any time."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from handoffs.models import ApiToken, Reflection
from ledger.edits import note
from ledger.reasons import Reason

PREFIX = "sg_"  # so that a secret that leaked is recognised by who looks for such
SECRET_BYTES = 32  # as long as that, a plain hash cannot be searched for


def make(
    reflection: Reflection, name: str, scopes: Sequence[str], *, by: str, expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """Make a token; return it with its secret, which is nowhere else. IntegrityError if the name is taken."""
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    may = sorted(set(scopes))
    with transaction.atomic():
        token = ApiToken.objects.create(
            reflection=reflection, name=name, digest=_digest(secret), scopes=may, made_by=by[:80], expires_at=expires_at
        )
        note(token, Reason.ADDED, by=by, words=", ".join(may))
    return token, secret


def holder(secret: str) -> ApiToken | None:
    """The token with this secret, unless it was revoked or has expired. One statement."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=Now())
    known = ApiToken.objects.select_related("reflection").filter(lasting, revoked_at=None, digest=_digest(secret))
    return known.first()


def revoke(token: ApiToken, *, by: str) -> bool:
    """End the token for good; False if it was ended before."""
    with transaction.atomic():
        ended = bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now()))
        if ended:
            note(token, Reason.REMOVED, by=by)
    return ended


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
