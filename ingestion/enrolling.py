"""Sources come and go: add one, try whether it answers, take one out with all that it brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from handoffs import consent, diary, sealing
from handoffs.models import Reference, Reflection, Source
from ingestion.connectors import SECRETS, fitted
from ingestion.deletions import retire
from ingestion.opening import opened
from ingestion.operating import UNDER_WAY, cancel_handoffs, pause
from ingestion.ports import SourcePort, Watchable
from ingestion.schedules import remove_schedules
from ingestion.sync import SyncBusy, alone
from ledger.deeds import PAGE, Answer
from ledger.failures import Failure
from ledger.reasons import Reason

REMOVED = "removed"


@dataclass(frozen=True)
class Tried:
    """Whether a source answered, and what it said, or what to mend."""

    source: Source
    ok: bool
    says: str


def add(
    reflection: str,
    kind: str,
    name: str,
    options: Mapping[str, Any],
    secrets: Mapping[str, str],
    *,
    by: str,
    consented: bool = False,
    dry_run: bool = False,
) -> Source:
    """Make a source, and its reflection if that is new; who adds a folder allows that it is taken in.

    Raises ValueError, with the remedy, and sealing.NoKey.
    """
    port = fits(kind, options, secrets)
    with transaction.atomic(durable=True):
        owner, _ = Reflection.objects.get_or_create(name=reflection)
        source, made = Source.objects.get_or_create(
            reflection=owner, name=name, defaults={"kind": kind, "options": dict(options)}
        )
        if not made:
            remedy = "give another name; one that was removed goes on after sources resume"
            raise ValueError(f"there is a source {source} already: {remedy}")
        sealing.keep(source, secrets, by=by)
        diary.note([source.pk], Reason.SOURCE_ADDED, by=by, words=kind)
        if consented or isinstance(port, Watchable):
            consent.grant([source.pk], by=by)
        if dry_run:
            transaction.set_rollback(True)
    return source


def fits(kind: str, options: Mapping[str, Any], secrets: Mapping[str, str]) -> SourcePort:
    """Return the connector that they make, before they are kept. No other machine is asked: that is for `check`.

    Raises ValueError, with the remedy, for what it does not take, for a secret among the options, and for a folder
    that cannot be looked into.
    """
    if open_to_all := sorted(SECRETS & options.keys()):
        raise ValueError(f"{', '.join(open_to_all)}: an option is shown to all; give it as a secret (--secret NAME)")
    port = fitted(kind, options, secrets)
    if isinstance(port, Watchable):
        try:
            port.check()
        except Failure as failure:
            said = failure.detail or failure.reason.label
            raise ValueError(
                f"{port.folder()}: {said}; make it, mount it or let it be read, and try again"
            ) from failure
    return port


def fits_still(source: Source, options: Mapping[str, Any]) -> None:
    """Whether a source could have these options, beside its secrets. Raises ValueError, with the remedy."""
    if not isinstance(options, Mapping):
        raise ValueError('options: an object of names and values, such as {"root": "/srv/notes"}')  # noqa: TRY004
    fits(source.kind, options, dict.fromkeys(source.secrets.values_list("name", flat=True), ""))


def change(source: Source, options: Mapping[str, Any], *, by: str, dry_run: bool = False) -> Answer:
    """Give a source these options in place of all that it had; they hold from its next sync on.

    Opens no outermost transaction, as the console's form has one. Raises ValueError, with the remedy.
    """
    before: Mapping[str, Any] = Source.objects.values_list("options", flat=True).get(pk=source.pk)
    differ = [name for name in sorted({*before, *options}) if before.get(name) != options.get(name)]
    if not differ:
        return Answer()
    fits_still(source, options)
    with transaction.atomic():
        Source.objects.filter(pk=source.pk).update(options=dict(options))
        diary.note([source.pk], Reason.SOURCE_CHANGED, by=by, words=", ".join(differ))
        if dry_run:
            transaction.set_rollback(True)
    return Answer({"changed": [source.pk]})


def entrust(source: Source, secrets: Mapping[str, str], *, by: str, dry_run: bool = False) -> None:
    """Set or replace secrets of a source. Raises ValueError, with the remedy, and sealing.NoKey."""
    fitted(source.kind, source.options, secrets)
    with transaction.atomic(durable=True):
        sealing.keep(source, secrets, by=by)
        if dry_run:
            transaction.set_rollback(True)


def check(sources: QuerySet[Source]) -> list[Tried]:
    """Ask each source, with its secrets, whether it answers; nothing is listed or changed."""
    return [_try(source) for source in sources.select_related("reflection")]


def _try(source: Source) -> Tried:
    try:
        with opened(source) as port:
            return Tried(source, True, port.check())
    except Failure as failure:
        return Tried(source, False, f"{failure.reason.label}: {failure.detail}".removesuffix(": "))


def remove(sources: QuerySet[Source], *, by: str, dry_run: bool = False) -> Answer:
    """Take sources out: nothing of them is synced or begun again, and what they brought is retired.

    Their schedules and secrets are deleted; the ledger keeps what was. One that is being synced is left alone.
    Interrupted, call it again. The ids `cancelled` are handoffs or runs, others sources.
    """
    told = Answer()
    for source in sources:
        try:
            with alone(source):
                told += _remove(source, by=by, dry_run=dry_run)
        except SyncBusy:
            told += Answer(refused={"being_synced": [source.pk]})
    return told


def _remove(source: Source, *, by: str, dry_run: bool) -> Answer:
    itself = Source.objects.filter(pk=source.pk)
    pause(itself, REMOVED, by=by, dry_run=dry_run)
    called_off = cancel_handoffs(source.handoffs.filter(status__in=UNDER_WAY), by=by, dry_run=dry_run)
    live = Reference.objects.filter(source=source, gone_at=None).order_by("pk").values_list("pk", flat=True)
    while not dry_run and (page := list(live[:PAGE])):
        with transaction.atomic(durable=True):
            retire(page, Reason.SOURCE_REMOVED, by=by)
    with transaction.atomic(durable=True):
        remove_schedules([source.pk], by=by)
        sealing.forget(source, list(source.secrets.values_list("name", flat=True)), by=by)
        diary.note([source.pk], Reason.SOURCE_REMOVED, by=by)
        if dry_run:
            transaction.set_rollback(True)
    return Answer({"removed": [source.pk]}) + Answer(called_off.done)
