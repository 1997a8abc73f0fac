"""Who may do what: every page of the admin and every action on it, asked for by somebody of every role."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.db import models
from django.test import Client
from django.urls import reverse

from console.models import Operation, SavedView
from console.roles import ADMINISTRATOR, HOUSE, OPERATOR, REVIEWER, VIEWER, permissions_of
from ingestion.models import RetryRule
from tests.builders import make_batch, make_source
from tests.faces.test_admin import make_history

pytestmark = pytest.mark.django_db

NOBODY = "nobody"
ROLES = (NOBODY, VIEWER, OPERATOR, REVIEWER, ADMINISTRATOR)
KEEPS_GOING, DECIDES, RULES = {OPERATOR, ADMINISTRATOR}, {REVIEWER, ADMINISTRATOR}, {ADMINISTRATOR}
# Whatever stands in none of the three is nobody's to do.
CHANGES = {
    "handoffs.source": KEEPS_GOING,
    "ingestion.retryrule": KEEPS_GOING,
    "patches.predicate": RULES,
    "auth.user": RULES,
}
ADDS = {"ingestion.retryrule": KEEPS_GOING, "patches.predicate": RULES, "patches.gatepolicy": RULES, "auth.user": RULES}
DELETES = {"ingestion.retryrule": KEEPS_GOING}
LOOKS = {"auth.user": RULES, "auth.group": RULES}  # of what is not ours


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def somebody(role: str, client: Client) -> Client:
    """A person of the staff with that role and no other right."""
    person = User.objects.create_user("somebody", is_staff=True)
    if role != NOBODY:
        person.groups.add(Group.objects.get_or_create(name=role)[0])
    client.force_login(person)
    return client


def rows() -> Iterator[models.Model]:
    """A row of every table that has a page."""
    make_history()
    RetryRule.objects.create(failure="timeout", attempts=3)
    Group.objects.get_or_create(name=VIEWER)
    for model in admin.site._registry:
        if row := model._default_manager.order_by("pk").first():
            yield row


def address(row: models.Model, page: str, *arguments: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=arguments)


def test_every_page_is_for_those_whose_role_allows_it(role: str, somebody: Client) -> None:
    wrong = []
    for row in rows():
        name = row._meta.label_lower
        ours = row._meta.app_label in HOUSE
        may_look = role != NOBODY if ours else role in LOOKS.get(name, ())
        pk = quote(row.pk)
        asked = {
            ("get", "changelist"): may_look,
            ("get", "change", pk): may_look,
            ("get", "history", pk): may_look,
            ("get", "add"): role in ADDS.get(name, ()),
            ("get", "delete", pk): role in DELETES.get(name, ()),
            ("post", "change", pk): role in CHANGES.get(name, ()),
            ("post", "add"): role in ADDS.get(name, ()),
        }
        for (method, *page), allowed in asked.items():
            answer = getattr(somebody, method)(address(row, *page))
            if (answer.status_code != 403) != allowed:
                wrong.append((role, name, method, page[0], answer.status_code))
    assert wrong == []


def test_actions_are_for_those_whose_role_allows_them(role: str, somebody: Client) -> None:
    found = {
        f"{model._meta.label_lower}.{name}"
        for model, page in admin.site._registry.items()
        for name in page.get_actions(request_of(somebody))
    }
    words = ("approve", "reject", "revert", "restore")
    decides = {f"patches.patchbatch.{deed}" for deed in words} if role in DECIDES else set()
    quarantine = {f"ingestion.quarantine.{deed}" for deed in ("probe", "release", "discard")}
    work = {f"{of}.{deed}" for of in ("ingestion.ingestrun", "handoffs.handoff") for deed in ("requeue", "cancel")}
    work.add("ingestion.ingestrun.acknowledge")
    sources = {f"handoffs.source.{deed}" for deed in ("sync", "pause", "resume")}
    keeps_going = (
        {"ingestion.retryrule.delete_selected", *quarantine, *work, *sources} if role in KEEPS_GOING else set()
    )
    second = {f"ingestion.approval.{deed}" for deed in ("confirm", "refuse")}
    rules = {"handoffs.source.purge", "handoffs.reference.purge", *second} if role in RULES else set()

    assert {one for one in found if one.split(".")[0] in HOUSE} == decides | keeps_going | rules


def request_of(client: Client) -> Any:
    return client.get("/admin/").wsgi_request


@pytest.mark.parametrize(("deed", "status"), [("revert", "applied"), ("restore", "reverted")])
def test_a_batch_is_turned_by_those_who_decide(role: str, somebody: Client, deed: str, status: str) -> None:
    batch = make_batch(status=status)
    page = reverse(f"admin:patches_patchbatch_{deed}", args=[batch.pk])

    answers = {somebody.get(page).status_code, somebody.post(page, {"reason": ""}).status_code}

    assert answers == ({200} if role in DECIDES else {403})


@pytest.mark.parametrize(
    ("deed", "who"),
    [
        *((f"{of}.{deed}", KEEPS_GOING) for of in ("run", "handoff") for deed in ("requeue", "cancel")),
        ("run.acknowledge", KEEPS_GOING),
        *((f"quarantine.{deed}", KEEPS_GOING) for deed in ("probe", "release", "discard")),
        *((f"batch.{deed}", DECIDES) for deed in ("approve", "reject", "revert", "restore")),
    ],
)
def test_an_operation_is_begun_and_ended_by_those_who_may_do_its_deed(
    role: str, somebody: Client, deed: str, who: set[str]
) -> None:
    page, others = reverse("admin:operate", args=[deed]), User.objects.create_user("other")
    theirs = Operation.objects.create(deed=deed, why="x", person=others, by="other", upto=1, matched=1)
    allowed = role in who

    assert (somebody.get(page).status_code == 200) == allowed
    assert (somebody.post(page, {"why": "it is time"}).status_code == 302) == allowed
    assert Operation.objects.filter(by="admin:somebody").exists() == allowed
    somebody.post(reverse("admin:operation_cancel", args=[theirs.pk]))
    theirs.refresh_from_db()
    assert (theirs.status == "cancelled") == allowed
    assert (somebody.get(reverse("admin:operation_progress", args=[theirs.pk])).status_code == 200) == (role != NOBODY)


@pytest.mark.parametrize(
    "name", ["handoffs_handoff", "ingestion_ingestrun", "ingestion_quarantine", "patches_patchbatch", "ledger_event"]
)
def test_views_of_a_list_are_for_those_who_may_look_at_it(role: str, somebody: Client, name: str) -> None:
    last, save = reverse(f"admin:{name}_last"), reverse(f"admin:{name}_save_view")
    may_look = role != NOBODY

    assert somebody.get(last).status_code == (302 if may_look else 403)
    assert somebody.post(save, {"name": "mine", "query": "q=1"}).status_code == (302 if may_look else 403)
    assert SavedView.objects.exists() == may_look
    forget = reverse(f"admin:{name}_forget_view", args=[1])
    assert somebody.post(forget).status_code == (302 if may_look else 403)


@pytest.mark.parametrize("deed", ["approve", "reject"])
def test_a_batch_is_decided_on_its_page_by_those_who_decide(role: str, somebody: Client, deed: str) -> None:
    batch = make_batch(status="in_review")
    answer = somebody.post(reverse("admin:decide_batch", args=[batch.pk]), {"deed": deed, "why": "I looked"})

    assert answer.status_code == (302 if role in DECIDES else 403)
    batch.refresh_from_db()
    assert (batch.status == "rejected") == (role in DECIDES and deed == "reject")


def test_numbers_are_for_every_role(role: str, somebody: Client) -> None:
    assert somebody.get("/admin/").status_code == 200
    assert somebody.get("/admin/overview/").status_code == (403 if role == NOBODY else 200)


def test_whose_word_stands_is_not_the_operators_to_say(role: str, somebody: Client) -> None:
    source = make_source()
    form = {"priority": "0", "weight": "7", "trust": "2", "options": "{}"}

    somebody.post(address(source, "change", source.pk), form)

    source.refresh_from_db()
    assert source.weight == (7 if role in KEEPS_GOING else 1)
    assert source.trust == (2 if role in RULES else 1)


def test_what_a_source_reads_is_not_the_operators_to_say(role: str, somebody: Client, tmp_path: Path) -> None:
    source = make_source(options={"root": "/x"})
    form = {"priority": "0", "weight": "1", "trust": "1", "options": json.dumps({"root": str(tmp_path)})}

    somebody.post(address(source, "change", source.pk), form)

    source.refresh_from_db()
    assert source.options == {"root": str(tmp_path) if role in RULES else "/x"}


def test_an_administrator_makes_no_superuser_and_touches_none(client: Client) -> None:
    administrator = User.objects.create_user("ada", is_staff=True)
    administrator.groups.add(Group.objects.get_or_create(name=ADMINISTRATOR)[0])
    root = User.objects.create_superuser("root", password="x")  # noqa: S106
    client.force_login(administrator)
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    form = {"username": "ada", "is_superuser": "on", "is_staff": "on", "is_active": "on", **moment}
    form["groups"] = str(administrator.groups.get().pk)
    form |= {"sight-TOTAL_FORMS": "0", "sight-INITIAL_FORMS": "0"}

    assert client.post(address(administrator, "change", administrator.pk), form).status_code == 302
    assert client.post(address(root, "change", root.pk), {**form, "username": "toor"}).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[root.pk]), {}).status_code == 403

    administrator.refresh_from_db()
    assert not administrator.is_superuser
    assert User.objects.get(pk=root.pk).username == "root"


def test_a_role_is_nothing_to_who_was_made_inactive() -> None:
    person = User.objects.create_user("gone", is_active=False)
    person.groups.add(Group.objects.get_or_create(name=ADMINISTRATOR)[0])

    assert not person.has_perm("ingestion.view_ingestrun")
    assert not person.has_module_perms("ingestion")


def test_a_role_names_only_permissions_that_there_are() -> None:
    known = {
        f"{model._meta.app_label}.{name}"
        for model in apps.get_models()
        for name in [
            *(f"{deed}_{model._meta.model_name}" for deed in model._meta.default_permissions),
            *(name for name, _ in model._meta.permissions),
        ]
    }

    for role in ROLES:
        assert permissions_of(role) <= known
    assert permissions_of(VIEWER) < permissions_of(OPERATOR) < permissions_of(ADMINISTRATOR)
    assert permissions_of(VIEWER) < permissions_of(REVIEWER) < permissions_of(ADMINISTRATOR)
    assert permissions_of("somebody else's group") == set()
