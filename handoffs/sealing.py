"""Secrets of sources: sealed in the database, opened for a connector alone, never shown again.

The keys come from the settings, or from the checkout's own file, which is read anew each time: a process that runs
finds the new key at once. The newest key seals; each of them opens.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from handoffs.diary import note
from handoffs.models import Secret, Source
from ledger import statements
from ledger.failures import Auth
from ledger.reasons import Reason

SEAL_LOCK = 7_304_518


class NoKey(Exception):
    """There is no key to seal with; the message says what to do."""


def keep(source: Source, secrets: Mapping[str, str], *, by: str) -> None:
    """Seal the secrets, in place of those of the same names. Needs a transaction. Raises NoKey."""
    if not secrets:
        return
    _alone(shared=True)
    seal = MultiFernet(_keys())
    for name, value in sorted(secrets.items()):
        sealed = seal.encrypt(value.encode()).decode()
        Secret.objects.update_or_create(
            source=source, name=name, defaults={"sealed": sealed, "set_by": by, "set_at": Now()}
        )
    note([source.pk], Reason.SECRET_SET, by=by, words=", ".join(sorted(secrets)))


def forget(source: Source, names: Sequence[str], *, by: str) -> list[str]:
    """Delete the secrets of these names; return those that there were. Needs a transaction."""
    rows = Secret.objects.filter(source=source, name__in=names)
    found = sorted(rows.values_list("name", flat=True))
    if found:
        rows.delete()
        note([source.pk], Reason.SECRET_FORGOTTEN, by=by, words=", ".join(found))
    return found


def reveal(source_id: int) -> dict[str, str]:
    """Open the source's secrets, by name. Raises Auth when none of the keys opens one of them."""
    sealed = dict(Secret.objects.filter(source=source_id).values_list("name", "sealed"))
    if not sealed:
        return {}
    try:
        opener = MultiFernet(_keys())
        return {name: opener.decrypt(token).decode() for name, token in sealed.items()}
    except (InvalidToken, NoKey) as exc:
        raise Auth(Reason.SEALED, "give the keys it was sealed with, or set the secret again") from exc


def rotate(*, dry_run: bool = False) -> int:
    """Seal every secret anew with the newest key, the checkout's own after making a new one; return how many.

    All or none, and again at any time. Of the checkout's own keys the newest two stay. Raises NoKey, or Auth for a
    secret that no key opens.
    """
    own: Path | None = settings.OWN_SOURCE_KEYS
    with transaction.atomic(durable=True):
        _alone(shared=False)
        rows = list(Secret.objects.order_by("pk").select_for_update())
        if dry_run:
            return len(rows)
        if own:
            _write(own, [Fernet.generate_key().decode(), *_own_keys(own)])
        seal = MultiFernet(_keys())
        for row in rows:
            try:
                Secret.objects.filter(pk=row.pk).update(sealed=seal.rotate(row.sealed).decode())
            except InvalidToken as exc:
                raise Auth(Reason.SEALED, f"no key opens {row.name!r} of {row.source}: set it again") from exc
    if own:
        _write(own, _own_keys(own)[:2])
    return len(rows)


def _alone(*, shared: bool) -> None:
    """Nobody seals with an older key while all is sealed anew. Until the transaction ends."""
    statements.rows(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(%s)", [SEAL_LOCK])


def _keys() -> list[Fernet]:
    own: Path | None = settings.OWN_SOURCE_KEYS
    keys = list(settings.SOURCE_KEYS) or (_own_keys(own) if own else [])
    if not keys:
        raise NoKey("there is no key to seal secrets with: set SLUICEGATE_SOURCE_KEYS")
    return [Fernet(key) for key in keys]


def _own_keys(own: Path) -> list[str]:
    return own.read_text(encoding="ascii").split() if own.exists() else []


def _write(own: Path, keys: list[str]) -> None:
    """Replace the file at once: whoever reads it sees all of the old or all of the new."""
    owner = own.stat() if own.exists() else own.parent.stat()
    descriptor, draft = tempfile.mkstemp(dir=own.parent)  # with mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(descriptor)
        if os.getuid() == 0:
            os.fchown(descriptor, owner.st_uid, -1)
    Path(draft).replace(own)
