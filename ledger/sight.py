"""Of which knowledge bases a person sees anything: every list, page and deed of the console is narrowed to them."""

from collections.abc import Collection
from typing import Any, TypeVar

from django.conf import settings
from django.db import models
from django.utils.module_loading import import_string

M = TypeVar("M", bound=models.Model)

EVERYBODYS = ""  # in place of the way to a knowledge base: the rows are of none


def given(person: Any) -> Collection[int] | None:
    """The ids of the knowledge bases that the person sees; None for all of them. `settings.SIGHT` names who knows."""
    found: Collection[int] | None = import_string(settings.SIGHT)(person)
    return found


def narrowed(rows: models.QuerySet[M], person: Any, way: str | None) -> models.QuerySet[M]:
    """Those of the rows that the person sees; `way` leads from a row to its knowledge base: `source__reflection`.

    Where there is no way, the rows are for those who see all.
    """
    seen = None if way == EVERYBODYS else given(person)
    if seen is None:
        return rows
    return rows.filter(**{f"{way}__in": seen}) if way else rows.none()
