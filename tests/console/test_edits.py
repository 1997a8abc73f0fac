"""What people do to rows without a lifecycle is in the audit log: who, in which request, from what to what."""

import json
from pathlib import Path
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from console.roles import OPERATOR
from handoffs import tokens
from handoffs.models import Reflection
from ingestion import golden
from ingestion.models import RetryRule
from ledger.models import Event
from patches.models import GatePolicy, GoldenQuestion, Predicate
from tests.builders import make_source

pytestmark = pytest.mark.django_db

SEES_ALL = {"sight-TOTAL_FORMS": 1, "sight-INITIAL_FORMS": 0}


def told(lifecycle: str) -> list[tuple[str, str, str]]:
    found = Event.objects.filter(lifecycle=lifecycle).order_by("pk")
    assert {event.by for event in found} == {"admin:admin"}
    return [(event.was, event.became, event.note) for event in found]


def send(client: Client, page: str, *args: Any, **fields: Any) -> None:
    answer = client.post(reverse(f"admin:{page}", args=args), fields, headers={"x-request-id": "order-66"})
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    assert set(Event.objects.values_list("request_id", flat=True)) == {"order-66"}


def test_a_rule_that_is_made_changed_and_deleted_leaves_its_whole_story(admin_client: Client) -> None:
    rule = {"failure": "timeout", "attempts": 3, "base_s": 60, "factor": 2, "cap_s": 600, "then": "quarantined"}
    send(admin_client, "ingestion_retryrule_add", **rule)
    pk = RetryRule.objects.get().pk

    send(admin_client, "ingestion_retryrule_change", pk, **rule | {"attempts": 7})
    send(admin_client, "ingestion_retryrule_change", pk, **rule | {"attempts": 7})  # nothing was changed
    send(admin_client, "ingestion_retryrule_delete", pk, post="yes")

    added, changed, removed = told("retryrule")
    assert added[:2] == ("none", "kept") and removed[:2] == ("kept", "none")
    assert changed == ("kept", "kept", "attempts: 3 → 7")
    assert set(Event.objects.filter(lifecycle="retryrule").values_list("row_id", flat=True)) == {pk}


def test_a_sources_trust_and_share_are_told_in_the_words_of_the_page(admin_client: Client) -> None:
    source = make_source()
    form = {"priority": source.priority, "weight": 3, "trust": 2, "options": "{}"}

    send(admin_client, "handoffs_source_change", source.pk, **form)

    [(_, _, words)] = told("source")
    assert "weight: 1 → 3" in words and "trust: Normal → High" in words


def test_of_a_sources_options_it_is_told_which_were_changed_and_not_to_what(
    admin_client: Client, tmp_path: Path
) -> None:
    source = make_source(options={"root": str(tmp_path)})
    options = json.dumps({"root": str(tmp_path), "exclude": ["private-letters/*"]})

    form = {"priority": source.priority, "weight": source.weight, "trust": source.trust, "options": options}
    send(admin_client, "handoffs_source_change", source.pk, **form)

    words = [words for _, _, words in told("source")]
    assert words == ["exclude"]
    assert "private" not in "".join(words)


def test_who_gives_a_person_a_role_is_known_and_no_password_is(admin_client: Client) -> None:
    person = User.objects.create_user("bob", is_staff=True, password="a good password")  # noqa: S106
    role, seen = Group.objects.get_or_create(name=OPERATOR)[0], Reflection.objects.create(name="main")
    days = {"date_joined_0": f"{person.date_joined:%Y-%m-%d}", "date_joined_1": f"{person.date_joined:%H:%M:%S}"}
    joined = {f"{before}{name}": value for name, value in days.items() for before in ("", "initial-")}
    form = {"username": "bob", "is_active": "on", "is_staff": "on", **joined, **SEES_ALL}

    send(admin_client, "auth_user_change", person.pk, **form, groups=[role.pk], **{"sight-0-reflections": [seen.pk]})
    other = {"password1": "another good one", "password2": "another good one", "usable_password": "true"}
    send(admin_client, "auth_user_password_change", person.pk, **other)

    (_, _, given), (_, _, renewed) = told("user")
    assert "groups: none → operator" in given and "reflections: none → main" in given
    assert renewed == "password"


def test_policies_and_predicates_are_told_by_their_names(admin_client: Client) -> None:
    owner = Reflection.objects.create(name="main")
    predicate = Predicate.objects.get(name="led_by")

    policy = {"reflection": owner.pk, "name": "strict", "body": '{"review_days": 9}', "why": "a new house"}
    send(admin_client, "patches_gatepolicy_add", **policy)
    kinds = {name: ",".join(getattr(predicate, name)) for name in ("subject_types", "object_types")}
    form = {"label": "is headed by", "inverse": predicate.inverse, "cardinality": predicate.cardinality, **kinds}
    send(admin_client, "patches_predicate_change", "led_by", **form)

    assert told("gatepolicy") == [("none", "kept", f"{GatePolicy.objects.get()}: a new house")]
    [(_, _, words)] = told("predicate")
    assert words.startswith("led") and "→ is headed by" in words


def test_tokens_and_golden_questions_leave_events_from_the_command_line_too() -> None:
    owner = Reflection.objects.create(name="main")
    token, secret = tokens.make(owner, "caller", ["read", "ask"], by="admin:admin")
    assert tokens.revoke(token, by="admin:admin")
    assert not tokens.revoke(token, by="admin:admin")
    question = GoldenQuestion.objects.create(reflection=owner, question="Who leads?", documents=["a.md"], by="ann")
    assert golden.remove(GoldenQuestion.objects.all(), by="admin:admin", dry_run=True) == [question]
    golden.remove(GoldenQuestion.objects.all(), by="admin:admin")

    assert [note for *_, note in told("apitoken")] == [f"{token}: ask, read", str(token)]
    assert secret not in str(told("apitoken"))
    assert told("goldenquestion") == [("kept", "none", "Who leads?")]


def test_a_role_is_neither_widened_nor_deleted_on_its_page(admin_client: Client) -> None:
    role = Group.objects.get_or_create(name=OPERATOR)[0]
    for page in ("change", "delete"):
        assert (
            admin_client.post(reverse(f"admin:auth_group_{page}", args=[role.pk]), {"post": "yes"}).status_code == 403
        )
    assert Group.objects.filter(name=OPERATOR, permissions=None).exists()

    send(admin_client, "auth_group_add", name="friends of the harbour")
    assert [step[:2] for step in told("group")] == [("none", "kept")]


def test_who_came_in_is_edited_by_nobody_and_letting_somebody_try_again_is_told(admin_client: Client) -> None:
    known = {"ip_address": "192.0.2.1", "username": "ann", "user_agent": "x", "http_accept": "*", "path_info": "/"}
    came = AccessLog.objects.create(**known)
    locked = AccessAttempt.objects.create(**known, failures_since_start=10)

    assert admin_client.post(reverse("admin:axes_accesslog_delete", args=[came.pk]), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": came.pk, "post": "yes"}
    admin_client.post(reverse("admin:axes_accesslog_changelist"), chosen)
    assert AccessLog.objects.filter(pk=came.pk).exists()

    send(admin_client, "axes_accessattempt_delete", locked.pk, post="yes")
    assert [step[:2] for step in told("accessattempt")] == [("kept", "none")]


def test_that_somebody_changed_their_own_password_is_told(admin_client: Client) -> None:
    person = User.objects.get(username="admin")
    form = {"old_password": "password", "new_password1": "a good long one", "new_password2": "a good long other"}

    assert admin_client.post(reverse("admin:password_change"), form).status_code == 200
    assert not Event.objects.filter(lifecycle="user").exists()

    send(admin_client, "password_change", **form | {"new_password2": form["new_password1"]})
    assert told("user") == [("kept", "kept", "password")]
    person.refresh_from_db()
    assert person.check_password(form["new_password1"])


def test_the_default_policy_is_published_by_an_empty_one(admin_client: Client) -> None:
    reflection = Reflection.objects.create(name="main")
    send(admin_client, "patches_gatepolicy_add", reflection=reflection.pk, name="as-it-was", body="{}", why="enough")
    assert GatePolicy.objects.get().body == {}
