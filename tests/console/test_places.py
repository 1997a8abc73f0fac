"""What the head of every page leads to, for whom."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from console.roles import VIEWER

pytestmark = pytest.mark.django_db

SELDOM = ("handoffs_reference", "ingestion_flight", "patches_goldenquestion", "patches_gatepolicy")


def more_of(client: Client) -> list[str]:
    """The addresses behind “More”, on a page of some list; each of them answers."""
    page = client.get(reverse("admin:password_change")).content.decode()
    found = re.search(r'<details class="more">(.*?)</details>', page, re.DOTALL)
    links = re.findall(r'href="([^"]+)"', found[1]) if found else []
    assert [client.get(link).status_code for link in links] == [200] * len(links)
    return links


def test_whoever_looks_is_two_steps_from_what_is_seldom_looked_at(client: Client) -> None:
    ann = User.objects.create_user("ann", is_staff=True)
    client.force_login(ann)
    assert more_of(client) == []
    ann.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    client.force_login(ann)

    assert {reverse(f"admin:{name}_changelist") for name in SELDOM} <= set(more_of(client))
    assert reverse("admin:ledger_event_last") in client.get(reverse("admin:password_change")).content.decode()
