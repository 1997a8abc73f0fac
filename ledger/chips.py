"""What a list is narrowed to, in words, each with the address of the list without it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.main import IGNORED_PARAMS, SEARCH_VAR, ChangeList


@dataclass(frozen=True)
class Chip:
    says: str
    without: str


class Narrowed(ChangeList):
    """A list that says what it is narrowed to."""

    @cached_property
    def chips(self) -> list[Chip]:
        asked: dict[str, list[str]] = self.filter_params
        left = [name for name in asked if name not in IGNORED_PARAMS]
        told = []
        for spec in self.filter_specs:
            if names := [name for name in left if name in spec.expected_parameters()]:
                says = _chosen(spec, self) or _words(names[0], asked[names[0]])[1]
                told.append(self._chip(f"{spec.title}: {says}", names))
                left = [name for name in left if name not in names]
        told += [self._chip(": ".join(_words(name, asked[name])), [name]) for name in left]
        return [*told, self._chip(f"search: {self.query}", [SEARCH_VAR])] if self.query else told

    def _chip(self, says: str, names: list[str]) -> Chip:
        asked: dict[str, list[str]] = self.filter_params
        rest = sorted((name, values) for name, values in asked.items() if name not in names)
        return Chip(says, f"?{urlencode(rest, doseq=True)}")


def _chosen(spec: Any, listed: ChangeList) -> str:
    """What the filter calls the choice that was made; nothing for one that it does not offer."""
    return next((str(one["display"]) for one in spec.choices(listed) if one["selected"]), "")


def _words(name: str, values: list[str]) -> tuple[str, str]:
    """A lookup as people say it, such as “status: pending or running”."""
    field = name.removesuffix("__exact").removesuffix("__in").replace("__", " ")
    return field.replace("_", " "), " or ".join(values[-1].split(",")).replace("_", " ")
