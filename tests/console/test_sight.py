"""Who sees some knowledge bases alone meets nothing of the others: on no page, in no list, figure, search or deed."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.models import Newest, Sight, Tally
from console.roles import ADMINISTRATOR, OPERATOR, REVIEWER, VIEWER
from handoffs.models import Reflection
from ingestion.models import IngestRun, Memo, Quarantine, RetryRule
from ledger.listing import Listing
from ledger.sight import EVERYBODYS
from patches.models import PatchBatch, Predicate
from tests.builders import make_batch, make_flight, make_reflection, make_run, make_source
from tests.console.test_roles import rows as rows_of_every_table

pytestmark = pytest.mark.django_db

ROLES = (VIEWER, OPERATOR, REVIEWER, ADMINISTRATOR)
# Of no knowledge base: they may be looked at, and are changed by nobody who does not see all.
COMMON = {"patches.predicate", "ledger.seal", "ingestion.retryrule", "auth.user", "auth.group"}


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def own() -> Reflection:
    return make_reflection(name="own")


def limited(role: str, *reflections: Reflection) -> User:
    person = User.objects.create_user(f"{role}-{len(reflections)}", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=role)[0])
    Sight.objects.create(person=person).reflections.set(reflections)
    return person


@pytest.fixture
def somebody(role: str, own: Reflection, client: Client) -> Client:
    client.force_login(limited(role, own))
    caches["process"].clear()
    return client


def foreign() -> Iterator[models.Model]:
    """A row of another knowledge base of every table that has a page."""
    for row in rows_of_every_table():
        if isinstance(row, Reflection):
            yield Reflection.objects.exclude(name="own").earliest("pk")
        elif row._meta.label_lower not in COMMON:
            yield row


def address(row: models.Model, page: str, *arguments: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=arguments)


def test_no_page_of_a_foreign_row_opens(somebody: Client) -> None:
    seen = []
    for row in foreign():
        for page in ("change", "delete"):
            for method in (somebody.get, somebody.post):
                if method(address(row, page, quote(row.pk))).status_code not in (302, 403):
                    seen.append((row._meta.label_lower, page))
        if somebody.get(address(row, "history", quote(row.pk))).status_code not in (302, 403):
            seen.append((row._meta.label_lower, "history"))
    assert seen == []


def test_no_list_and_no_search_has_a_foreign_row(somebody: Client, own: Reflection) -> None:
    seen = []
    for row in foreign():
        page = address(row, "changelist")
        for query in ({}, {"q": str(row.pk)}, {f"{row._meta.pk.name}__exact": str(row.pk)}):
            answer = somebody.get(page, query, follow=True)
            if answer.status_code == 200 and "cl" in answer.context:
                theirs = {found.pk for found in answer.context["cl"].result_list}
                if theirs - ({own.pk} if isinstance(row, Reflection) else set()):
                    seen.append((row._meta.label_lower, query))
    assert seen == []


def test_a_list_that_a_link_narrows_does_not_name_the_foreign_row(somebody: Client) -> None:
    source = make_source(name="unspeakable-name")

    answer = somebody.get(reverse("admin:ingestion_ingestrun_changelist"), {"source__id__exact": str(source.pk)})

    assert "unspeakable-name" not in answer.content.decode()


def test_what_is_ones_own_is_seen(somebody: Client, own: Reflection) -> None:
    run = make_run("failed", source=make_source(reflection=own))
    make_run("failed")

    found = somebody.get(reverse("admin:ingestion_ingestrun_changelist")).context["cl"].result_list

    assert [one.pk for one in found] == [run.pk]
    assert somebody.get(address(run, "change", run.pk)).status_code == 200
    assert somebody.get(address(run.source, "change", run.source.pk)).status_code == 200


def test_no_deed_reaches_a_foreign_row(somebody: Client) -> None:
    changed = []
    for row in list(foreign()):
        this = type(row)._default_manager.filter(pk=row.pk)
        for action in admin.site._registry[type(row)].get_actions(somebody.get("/admin/").wsgi_request):
            before = this.values().get()
            form = {"action": action, "_selected_action": [str(row.pk)], "why": "w", "select_across": "1"}
            somebody.post(address(row, "changelist"), form)
            if this.values().get() != before:
                changed.append((row._meta.label_lower, action))
    assert changed == []


@pytest.mark.parametrize(("deed", "status"), [("revert", "applied"), ("restore", "reverted")])
def test_no_foreign_batch_is_turned(somebody: Client, role: str, deed: str, status: str) -> None:
    batch = make_batch(status=status)
    page = reverse(f"admin:patches_patchbatch_{deed}", args=[batch.pk])

    answers = {somebody.get(page).status_code, somebody.post(page, {"reason": "w"}).status_code}

    assert answers == ({404} if role in (REVIEWER, ADMINISTRATOR) else {403})
    assert PatchBatch.objects.get().status == status


def test_quarantine_is_told_and_dealt_with_of_ones_own(somebody: Client, role: str, own: Reflection) -> None:
    for source in (make_source(), make_source(reflection=own)):
        run = make_run("quarantined", source=source)
        Quarantine.objects.create(run=run, stage="fetch", failure="f", fingerprint="abc")
    page = reverse("admin:ingestion_quarantine_groups")

    assert [group.runs for group in somebody.get(page).context["groups"]] == [1]
    somebody.post(page, {"fingerprint": "abc", "deed": "discard", "why": "w"})

    left = IngestRun.objects.filter(status="quarantined").values_list("reflection__name", flat=True)
    assert ("own" in left) == (role not in (OPERATOR, ADMINISTRATOR))
    assert len(left) == (1 if role in (OPERATOR, ADMINISTRATOR) else 2)


def test_the_first_page_tells_of_ones_own_alone(somebody: Client, own: Reflection) -> None:
    mine, other = make_source(reflection=own, name="mine"), make_source(name="unspeakable-name", paused=True)
    for source, times in ((mine, 2), (other, 40)):
        now = timezone.now()
        told = {"span": 3600, "at": now, "lifecycle": "run", "became": "completed", "reason": "applied"}
        Tally.objects.create(source=source, times=times, **told)
        Newest.objects.create(source=source, at=now)
        make_flight(source)
        make_run("quarantined", source=source)
        make_batch(source, "in_review")

    for page in ("/admin/", "/admin/overview/", f"/admin/?source={other.pk}"):
        answer = somebody.get(page)
        seen = answer.context["seen"]
        assert "unspeakable-name" not in answer.content.decode()
        assert [one.name for one in seen.sources] == ["own/mine"]
        assert (seen.applied, len(seen.flights)) == (2, 1)
        assert (seen.standing.flights, seen.standing.quarantined, seen.standing.in_review) == (1, 1, 1)


def test_flower_and_what_is_remembered_for_all_are_not_for_them(somebody: Client) -> None:
    assert somebody.get("/flower/").status_code == 403
    Memo.objects.create(stage="embed", recipe="r", text_hash="0" * 64, data={})
    assert list(somebody.get(reverse("admin:ingestion_memo_changelist")).context["cl"].result_list) == []


def test_what_holds_for_all_is_not_theirs_to_change(somebody: Client) -> None:
    rule = RetryRule.objects.create(failure="timeout", attempts=3)
    predicate = Predicate.objects.first()
    assert predicate
    for page in (address(rule, "add"), address(rule, "delete", rule.pk), address(predicate, "add")):
        assert somebody.get(page).status_code == 403
    for row in (rule, predicate):
        assert somebody.post(address(row, "change", quote(row.pk)), {}).status_code == 403
    person = User.objects.get()
    assert somebody.post(reverse("admin:auth_user_change", args=[person.pk]), {}).status_code == 403
    assert somebody.get(reverse("admin:auth_user_add")).status_code == 403


def test_commands_are_for_those_who_see_all(own: Reflection) -> None:
    person = limited(ADMINISTRATOR, own)

    with pytest.raises(CommandError, match="only some") as refusal:
        call_command("runs", "list", "--as", person.username)

    assert refusal.value.returncode == 77


def test_who_was_given_none_sees_nothing_and_who_has_no_limit_everything(client: Client) -> None:
    make_run("failed")
    runs = reverse("admin:ingestion_ingestrun_changelist")
    for person, count in ((limited(VIEWER), 0), (User.objects.create_superuser("root"), 1)):
        client.force_login(person)
        assert len(client.get(runs).context["cl"].result_list) == count
    Sight.objects.create(person=person)
    assert len(client.get(runs).context["cl"].result_list) == 1


def test_an_administrator_says_what_somebody_sees(client: Client, own: Reflection) -> None:
    administrator = User.objects.create_user("ada", is_staff=True)
    administrator.groups.add(Group.objects.get_or_create(name=ADMINISTRATOR)[0])
    vic = User.objects.create_user("vic", is_staff=True)
    client.force_login(administrator)
    moment = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    inline = {
        "sight-TOTAL_FORMS": "1",
        "sight-INITIAL_FORMS": "0",
        "sight-MIN_NUM_FORMS": "0",
        "sight-0-person": vic.pk,
    }
    form = {"username": "vic", "is_staff": "on", "is_active": "on", "sight-0-reflections": [own.pk], **moment, **inline}

    answer = client.post(reverse("admin:auth_user_change", args=[vic.pk]), form)

    assert answer.status_code == 302
    assert [one.name for one in vic.sight.reflections.all()] == ["own"]


def test_few_lists_are_for_everybody() -> None:
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}

    everybodys = {name for name, page in pages.items() if isinstance(page, Listing) and page.within == EVERYBODYS}

    # the last three are narrowed by their own means
    assert everybodys == {"patches.predicate", "ledger.seal", "ledger.event", "handoffs.payload", "console.operation"}
