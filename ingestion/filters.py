"""What the list of runs can be narrowed to beside what its columns hold."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

SPANS: Mapping[str, timedelta] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
FINGERPRINT = r"[0-9a-f]{16}"


class Attention(admin.SimpleListFilter):
    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("needed", "needed")]

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        return queryset.outstanding() if self.value() else queryset


class Since(admin.SimpleListFilter):
    """Those that came to their status within a span, or since a moment. Index: run_since."""

    title = "since"
    parameter_name = "since"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        value = self.value()
        chosen = [(value, value)] if value and value not in SPANS else []
        return [*((name, f"the last {name[:-1]} {UNITS[name[-1]]}") for name in SPANS), *chosen]

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        value = self.value()
        return queryset.filter(since__gte=_moment(value, timezone.now())) if value else queryset


UNITS = {"h": "hours", "d": "days"}


class Fingerprint(admin.SimpleListFilter):
    """Those that were in quarantine for the same; absent unless a link asks for it. Index: of the fingerprint."""

    title = "fingerprint"
    parameter_name = "fingerprint"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        value = self.value()
        return [(value, value)] if value else []

    def queryset(self, request: Any, queryset: Any) -> Any:  # noqa: ARG002
        value = self.value()
        if not value:
            return queryset
        if not re.fullmatch(FINGERPRINT, value):
            raise IncorrectLookupParameters
        return queryset.filter(quarantine__fingerprint=value)


def held_still(query: str, now: datetime) -> str:
    """The list's address with a moment in place of a span, which would go on with the time."""
    asked = QueryDict(query, mutable=True)
    span = asked.get(Since.parameter_name)
    if isinstance(span, str) and span in SPANS:
        asked[Since.parameter_name] = _moment(span, now).isoformat()
    return asked.urlencode()


def _moment(value: str, now: datetime) -> datetime:
    """Raises IncorrectLookupParameters for what is neither a span nor a moment with its zone."""
    if value in SPANS:
        return now - SPANS[value]
    try:
        moment = parse_datetime(value)
    except ValueError as problem:
        raise IncorrectLookupParameters from problem
    if moment is None or moment.tzinfo is None:
        raise IncorrectLookupParameters
    return moment
