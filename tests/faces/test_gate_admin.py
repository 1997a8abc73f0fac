"""The gate in the admin: a policy is a new version, and a person decides a review in words."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from patches.evaluation.policies import current, publish
from patches.models import GatePolicy, PatchBatch, Verdict
from tests.builders import make_batch, make_reflection, make_source, make_verdict
from tests.flying import deliver, work_off

pytestmark = pytest.mark.django_db

POLICIES = reverse("admin:patches_gatepolicy_add")
BATCHES = reverse("admin:patches_patchbatch_changelist")


@pytest.fixture
def batch(models) -> PatchBatch:  # noqa: ARG001
    source = make_source()
    publish(source.reflection, "all-asked", {"checks": {"source_is_trusted": {"limit": 0}}}, by="test", why="to try it")
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    return PatchBatch.objects.get()


def decide(client: Client, batch: PatchBatch, action: str, why: str) -> str:
    form = {"action": action, "why": why, "_selected_action": [batch.pk]}
    return client.post(BATCHES, form, follow=True).content.decode().lower()


def test_a_policy_is_published_from_its_page_with_name_and_reason(admin_client, admin_user):
    reflection = make_reflection()
    form = {"reflection": reflection.pk, "name": "careful", "body": '{"review_days": 7}', "why": "we are slow"}
    assert admin_client.post(POLICIES, form).status_code == 302
    made = GatePolicy.objects.get()
    assert (made.by, made.version, current(reflection.pk).review_days) == (admin_user.get_username(), 1, 7)
    page = admin_client.get(reverse("admin:patches_gatepolicy_change", args=[made.pk]))
    assert "careful-1" in page.content.decode()
    assert "_save" not in page.content.decode()


@pytest.mark.parametrize("body", ['{"checks": {"be_nice": {}}}', '{"review_days": 0}', "[]"])
def test_a_policy_that_makes_no_sense_is_explained_on_its_page(admin_client, body):
    form = {"reflection": make_reflection().pk, "name": "p", "body": body, "why": "x"}
    answer = admin_client.post(POLICIES, form)
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not GatePolicy.objects.exists()


def test_a_batch_shows_what_was_measured_with_its_limits_and_who_offends(admin_client):
    batch = make_batch(status="proposed")
    result = {
        "value": 21,
        "threshold": 20,
        "passed": False,
        "then": "review",
        "offenders": {"3": "ends Ann"},
        "note": "",
    }
    make_verdict(batch, "review", checks={"few_facts_close": result})
    page = admin_client.get(reverse("admin:patches_patchbatch_change", args=[batch.pk])).content.decode()
    assert all(
        told in page
        for told in ("few facts close", ">21</td>", ">20</td>", "review", 'href="#patch-3">3</a>: ends Ann')
    )


@pytest.mark.parametrize(("action", "status"), [("approve", "approved"), ("reject", "rejected")])
def test_a_person_decides_on_the_list_of_batches(admin_client, batch, action, status):
    assert f"1 {status}" in decide(admin_client, batch, action, "I looked")
    batch.refresh_from_db()
    assert batch.status == status
    last = Verdict.objects.latest("pk")
    assert (last.by, last.why) == ("admin:admin", "I looked")


def test_nothing_is_decided_without_words(admin_client, batch):
    assert "say why, in words" in decide(admin_client, batch, "approve", "")
    batch.refresh_from_db()
    assert batch.status == "in_review"


def test_who_may_only_look_decides_nothing(client, batch):
    looker = get_user_model().objects.create_user("looker", password="x", is_staff=True)  # noqa: S106
    looker.user_permissions.set(Permission.objects.filter(codename__in=["view_patchbatch"]))
    client.force_login(looker)
    decide(client, batch, "approve", "let me")
    batch.refresh_from_db()
    assert batch.status == "in_review"
