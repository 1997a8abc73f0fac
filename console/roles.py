"""Who may do what: four roles, which are groups of these names, and the one table that says what each allows.

The table is here and not in the database, so that a new table of ours is in it by itself, and nobody widens a role by
editing a group. What is granted to a person beside it, Django's own backend says.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib.auth.backends import BaseBackend

from ledger.sight import given

HOUSE = ("ledger", "handoffs", "patches", "ingestion", "console")
VIEWER, OPERATOR, REVIEWER, ADMINISTRATOR = "viewer", "operator", "reviewer", "administrator"

# Beside looking: keeps the work going; sources, runs, handoffs and when they are tried again.
OPERATES = {
    "handoffs.change_source",
    "handoffs.change_handoff",
    "ingestion.change_ingestrun",
    *(f"ingestion.{deed}_retryrule" for deed in ("add", "change", "delete")),
}
# Beside looking: decides what is known.
REVIEWS = {"patches.change_patchbatch"}
# Beside all of the house: who may come in. Nobody makes a superuser so: see console.admin.
ADMITS = {*(f"auth.{deed}_user" for deed in ("view", "add", "change")), "auth.view_group"}

# What concerns every knowledge base is not for those who see only some of them.
OF_ALL = {
    *(
        f"{app}.{deed}_{model}"
        for deed in ("add", "change", "delete")
        for app, model in (
            ("auth", "user"),
            ("handoffs", "reflection"),
            ("console", "sight"),
            ("ingestion", "retryrule"),
            ("patches", "predicate"),
        )
    ),
}


def permissions_of(role: str) -> frozenset[str]:
    """What a group of this name allows, as `app.codename`; nothing, if it is none of the roles."""
    return _table().get(role, frozenset())


@cache
def _table() -> dict[str, frozenset[str]]:
    looks = frozenset(_house(["view"]))
    return {
        VIEWER: looks,
        OPERATOR: looks | OPERATES,
        REVIEWER: looks | REVIEWS,
        ADMINISTRATOR: frozenset(_house(["view", "add", "change", "delete"])) | OPERATES | REVIEWS | ADMITS,
    }


def _house(deeds: Iterable[str]) -> Iterable[str]:
    """Every permission of our own tables to do these, and for whoever may do all of them the tables' own ones too."""
    chosen = list(deeds)
    for app in HOUSE:
        for model in apps.get_app_config(app).get_models():
            yield from (f"{app}.{deed}_{model._meta.model_name}" for deed in chosen)
            if "change" in chosen:
                yield from (f"{app}.{name}" for name, _ in model._meta.permissions)


class Roles(BaseBackend):
    """Gives a person what the roles among their groups allow."""

    def get_group_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_permissions_by_role"):
            groups = user_obj.groups.values_list("name", flat=True)
            found = {one for role in groups for one in permissions_of(role)}
            user_obj._permissions_by_role = found if given(user_obj) is None else found - OF_ALL
        theirs: set[str] = user_obj._permissions_by_role
        return theirs

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(one.startswith(f"{app_label}.") for one in self.get_group_permissions(user_obj))
