"""The database lets go of what was purged alone."""

import pytest
from django.db import DatabaseError, connection, transaction

from handoffs.models import Reference
from ingestion.auditing import audit
from ingestion.purging import purge
from patches.entities import merge
from patches.models import Alias, Entity, Fact
from tests.builders import make_source
from tests.flying import deliver, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]


@pytest.fixture
def told(models):  # noqa: ARG001  the models first
    """Ann leads, and until Bob was heard of, for ever: a version that is closed."""
    source = make_source()
    for name, text in {"a": "led_by: Acme > Ann [2011..]", "b": "led_by: Acme > Bob [2016..]"}.items():
        deliver(source, **{name: text})
        work_off()
    assert Fact.objects.filter(sys__upper_inf=False).count() == 1
    return source


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM patches_patch",
        "DELETE FROM patches_verdict",
        "DELETE FROM patches_fact WHERE upper_inf(sys)",
        "DELETE FROM patches_fact WHERE NOT upper_inf(sys)",
        "UPDATE patches_patch SET n = 7",
        "UPDATE patches_verdict SET by = 'ann'",
        "UPDATE handoffs_payload SET size_bytes = 7",
        "UPDATE handoffs_reference SET purged_at = now()",
        "UPDATE patches_patchbatch SET status = 'purged'",
    ],
)
def test_nothing_that_was_not_purged_can_be_deleted(told, sql):  # noqa: ARG001
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_history_of_what_is_still_said_stays(told):
    purge(Reference.objects.filter(source=told, external_id="b"), by="ann", reason="wrong")

    versions = Fact.objects.order_by("pk").values_list("object_text", "sys__upper_inf", "valid__upper_inf")
    assert [*versions] == [
        ("Ann", False, True),
        ("Ann", False, False),  # until Bob: that he was is not told
        ("Ann", True, True),
    ]
    assert not Entity.objects.filter(name="Bob").exists()
    assert audit() == []


def test_what_was_said_of_one_who_counts_as_another_goes_too(told):
    """The merge is a person's word and stays, and so do the two names that it was given on."""
    deliver(told, c="led_by: Acme > Robert [2020..]")
    work_off()
    ids = {name: Entity.objects.get(name=name) for name in ("Bob", "Robert")}
    merge(ids["Robert"], ids["Bob"], by="ann", reason="the same")
    assert Alias.objects.count() == 1

    purge(Reference.objects.filter(source=told, external_id="c"), by="ann", reason="wrong")

    assert not Fact.objects.filter(object_text="Robert").exists()
    assert Fact.objects.filter(object_text="Bob", sys__upper_inf=True).count() == 1
    assert Entity.objects.filter(name="Robert").exists()
    assert audit() == []
