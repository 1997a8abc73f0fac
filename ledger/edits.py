"""What people do to rows without a lifecycle: settings, policies, persons, tokens. Each deed is an event, too."""

import json
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from ledger.models import Event
from ledger.reasons import Reason

M = TypeVar("M", bound=models.Model)

WORDS_CHARS, VALUE_CHARS = 1_000, 100
UNTOLD = ("password",)  # that such a field was changed is told, and not to what
STANDS = {Reason.ADDED: ("none", "kept"), Reason.EDITED: ("kept", "kept"), Reason.REMOVED: ("kept", "none")}


def note(row: models.Model, deed: Reason, *, by: str, words: str = "") -> None:
    """Write that the row was added, edited or removed. `words` says what of it. Needs a transaction."""
    was, became = STANDS[deed]
    number = row.pk if isinstance(row.pk, int) else 0
    called = "" if number and deed == Reason.EDITED else str(row)
    told = ": ".join(filter(None, [called, words]))[:WORDS_CHARS]
    lifecycle = str(row._meta.model_name)
    Event.objects.create(lifecycle=lifecycle, row_id=number, was=was, became=became, reason=deed, by=by[:80], note=told)


class Edited(admin.ModelAdmin[M]):
    """A page on which people edit rows: what they do there is in the audit log, with the values before and after.

    `told_by_its_deed` names the fields whose change the page leaves to a deed that writes an event itself.
    """

    told_by_its_deed: ClassVar[tuple[str, ...]] = ()

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        message: Any = super().construct_change_message(request, form, formsets, add)
        return [
            *message,
            {"told": "" if add else "; ".join([*_changes(form, self.told_by_its_deed), *_beside(formsets or ())])},
        ]

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> Any:
        note(obj, Reason.ADDED, by=_by(request), words=getattr(obj, "why", ""))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> Any:
        if told := _told(message):
            note(obj, Reason.EDITED, by=_by(request), words=told)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            note(row, Reason.REMOVED, by=_by(request))
        return super().log_deletions(request, queryset)


def _by(request: HttpRequest) -> str:
    return f"admin:{request.user.get_username()}"


def _told(message: Any) -> str:
    found = json.loads(message) if isinstance(message, str) and message.startswith("[") else message
    return str(next((part["told"] for part in found if "told" in part), "")) if isinstance(found, list) else str(found)


def _beside(formsets: Iterable[Any]) -> Iterable[str]:
    """What was changed of the rows that are edited on the same page."""
    for formset in formsets:
        called = formset.model._meta.verbose_name
        for form in formset.forms:
            if form in formset.deleted_forms:
                yield f"{called} removed"
            elif form.has_changed():
                yield from (f"{called} {said}" for said in _changes(form))


def _changes(form: forms.BaseForm, without: Iterable[str] = ()) -> Iterable[str]:
    for name in form.changed_data:
        if name in without:
            continue
        if name.startswith(UNTOLD) or name not in form.cleaned_data:
            yield name
        else:
            field = form.fields[name]
            before = form.get_initial_for_field(field, name)
            yield f"{name}: {_value(field, before)} → {_value(field, form.cleaned_data[name])}"


def _value(field: forms.Field, value: Any) -> str:
    if isinstance(value, models.QuerySet | list | tuple | set):
        return ", ".join(sorted(map(str, value)))[:VALUE_CHARS] or "none"
    choices: Any = dict(getattr(field, "choices", ())) if isinstance(field, forms.TypedChoiceField) else {}
    return str("none" if value in (None, "") else choices.get(value, value))[:VALUE_CHARS]
