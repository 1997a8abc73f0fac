"""The page of policies: what is in force for each knowledge base, also where nobody published anything."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from console.models import Sight
from console.roles import VIEWER
from patches.evaluation.checks import CHECKS
from patches.evaluation.policies import publish
from tests.builders import make_reflection

pytestmark = pytest.mark.django_db

POLICIES = reverse("admin:patches_gatepolicy_changelist")


def test_without_a_policy_the_rules_that_hold_are_shown_with_their_meaning(admin_client: Client) -> None:
    make_reflection(name="letters")

    page = admin_client.get(POLICIES).content.decode()

    assert "<td>letters</td><td>default-0</td><td>nobody published one</td>" in page
    assert "<td>quote is verbatim</td><td>0</td><td>reject</td>" in page
    assert "the words of a claim stand in the document, where it says they do." in page
    assert all(check.holds in page.replace("&#x27;", "'") for check in CHECKS.values())


def test_the_latest_published_is_in_force_and_the_others_keep_the_default(admin_client: Client) -> None:
    mine, _ = make_reflection(name="letters"), make_reflection(name="minutes")
    publish(mine, "first", {}, by="ann", why="to begin")
    latest = publish(mine, "second", {"review_days": 3}, by="ann", why="to hurry")

    page = admin_client.get(POLICIES).content.decode()

    link = reverse("admin:patches_gatepolicy_change", args=[latest.pk])
    assert f'<td>letters</td><td><a href="{link}">' in page
    assert "</a></td><td>to hurry</td>" in page
    assert "<td>minutes</td><td>default-0</td>" in page


def test_what_is_in_force_elsewhere_is_not_told(client: Client) -> None:
    mine, _ = make_reflection(name="letters"), make_reflection(name="minutes")
    ann = User.objects.create_user("ann", is_staff=True)
    ann.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    Sight.objects.create(person=ann).reflections.add(mine)
    client.force_login(ann)

    page = client.get(POLICIES).content.decode()

    assert "<td>letters</td>" in page
    assert "minutes" not in page
