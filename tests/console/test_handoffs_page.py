"""Handoffs by status and reason, and what to do to all of a kind; an item with its runs; a policy with its rules."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from console.roles import VIEWER
from ledger import rendering
from patches.evaluation.policies import publish
from patches.models import GatePolicy
from tests.builders import make_handoff, make_reflection, make_run
from tests.faces.test_admin import make_history

pytestmark = pytest.mark.django_db

COUNTS = reverse("admin:handoff_counts")


def test_handoffs_are_counted_by_kind_with_what_makes_sense_for_all_of_it(
    admin_client: Client, statement_count: Callable[[], int]
) -> None:
    for status, reason in (("failed", "io_error"), ("failed", "io_error"), ("ingested", "applied"), ("held", "paused")):
        make_handoff(status, reason=reason)
    admin_client.get(COUNTS)
    statement_count()

    page = admin_client.get(COUNTS).content.decode()

    assert statement_count() <= 5
    requeue, cancel = (reverse("admin:operate", args=[f"handoff.{deed}"]) for deed in ("requeue", "cancel"))
    assert f"{requeue}?status__exact=failed&amp;reason__exact=io_error" in page
    assert f"{cancel}?status__exact=held&amp;reason__exact=paused" in page
    assert "status__exact=ingested&amp;reason__exact=applied" in page
    assert page.count(requeue) == 1
    assert ">2</td>" in page


def test_who_only_looks_sees_the_numbers_and_nothing_to_do(client: Client) -> None:
    make_handoff("failed")
    person = User.objects.create_user("looker", is_staff=True)
    client.force_login(person)
    assert client.get(COUNTS).status_code == 403
    person.groups.add(Group.objects.get_or_create(name=VIEWER)[0])

    page = client.get(COUNTS).content.decode()

    assert "status__exact=failed" in page
    assert reverse("admin:operate", args=["handoff.requeue"]) not in page


def test_an_item_shows_its_latest_runs_and_what_it_says_now(admin_client: Client) -> None:
    run = make_history()
    other = make_run("failed")

    page = admin_client.get(rendering.page(run.handoff.reference)).content.decode()

    assert rendering.page(run) in page
    assert rendering.page(run.batch) in page
    assert rendering.page(other) not in page


def test_a_policy_shows_every_rule_and_whether_it_is_in_force(admin_client: Client) -> None:
    reflection = make_reflection()
    old = publish(reflection, "first", {}, by="ann", why="to begin")
    new = publish(reflection, "second", {"checks": {"few_facts_close": {"limit": 7}}}, by="ann", why="to be careful")

    page = admin_client.get(rendering.page(new)).content.decode()

    assert "<td>few facts close</td><td>7</td><td>review</td><td>batch</td><td>its own</td>" in page
    assert "<td>golden facts stay</td><td>0</td><td>review</td><td>batch</td><td>default</td>" in page
    listed = admin_client.get(reverse("admin:patches_gatepolicy_changelist")).content.decode()
    assert (listed.count('alt="True"'), listed.count('alt="False"')) == (1, 1)
    assert "icon-no" in admin_client.get(rendering.page(old)).content.decode()
    assert GatePolicy.objects.count() == 2
