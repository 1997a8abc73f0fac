"""Sources come and go: add one, try whether it answers, take one out with all that it brought."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from handoffs import consent, diary, sealing
from handoffs.models import Reference, Reflection, Source
from ingestion.connectors import CONNECTORS, connect, watchable
from ingestion.deletions import retire
from ingestion.operating import UNDER_WAY, cancel_handoffs, pause
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
    _fits(kind, {**options, **secrets})
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
        if consented or watchable(kind, options):
            consent.grant([source.pk], by=by)
        if dry_run:
            transaction.set_rollback(True)
    return source


def _fits(kind: str, arguments: Mapping[str, Any]) -> None:
    try:
        inspect.signature(import_string(CONNECTORS[kind])).bind(**arguments)
    except TypeError as exc:
        raise ValueError(f"{kind}: {exc}; docs/reference/connectors says what it takes") from exc


def check(sources: QuerySet[Source]) -> list[Tried]:
    """Ask each source, with its secrets, whether it answers; nothing is listed or changed."""
    return [_try(source) for source in sources.select_related("reflection")]


def _try(source: Source) -> Tried:
    try:
        return Tried(source, True, connect(source.kind, source.options, sealing.reveal(source.pk)).check())
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
