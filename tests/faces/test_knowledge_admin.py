"""What a person decides about the knowledge on the admin's pages: reverts, restorations, the vocabulary."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ingestion import dispatch, flights, stages
from ingestion.auditing import audit
from ingestion.boarding import board
from ingestion.loading import complete
from ledger.models import Event
from patches.models import ApplyTransaction, Assertion, Fact, PatchBatch, Predicate
from tests.builders import make_source
from tests.flying import deliver, fly, open_flights, work_off
from tests.patches.test_knowledge import open_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ADD = "/admin/patches/predicate/add/"
FIELDS = {"label": "is led by", "inverse": "leads", "subject_types": "organization", "object_types": "person"}


@pytest.fixture
def batch(models) -> PatchBatch:  # noqa: ARG001  in place before anything is ingested
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]", b="led_by: Acme > Bob <b> [2016..]")
    work_off()
    return PatchBatch.objects.get(assertions__object_key="bob <b>")


def address(batch: PatchBatch, deed: str) -> str:
    return f"/admin/patches/patchbatch/{batch.pk}/{deed}/"


def test_a_batch_is_reverted_and_restored_with_a_reason_after_its_plan_was_seen(
    admin_client: Client, batch: PatchBatch
):
    page = f"/admin/patches/patchbatch/{batch.pk}/change/"
    assert address(batch, "revert") in admin_client.get(page).content.decode()
    plan = admin_client.get(address(batch, "revert")).content.decode()
    assert "Facts that end (2)" in plan
    assert "Bob &lt;b&gt;" in plan
    assert len(open_of("acme", "led_by")) == 2

    answer = admin_client.post(address(batch, "revert"), {"reason": "a rumour"})

    assert (answer.status_code, answer["Location"]) == (302, page)
    assert open_of("acme", "led_by") == [("Ann", 2011, None)]
    event = Event.objects.filter(lifecycle="batch", row_id=batch.pk).latest("id")
    assert (event.by, event.note) == ("admin:admin", "a rumour")
    shown = admin_client.get(page, follow=True).content.decode()
    assert "a rumour" in shown
    assert address(batch, "restore") in shown
    admin_client.post(address(batch, "restore"), {"reason": "confirmed"})
    assert len(open_of("acme", "led_by")) == 2


def test_without_a_reason_nothing_is_reverted(admin_client: Client, batch: PatchBatch):
    page = admin_client.post(address(batch, "revert"), {"reason": " "}).content.decode()
    assert "This field is required" in page
    assert len(open_of("acme", "led_by")) == 2


def test_who_may_not_change_batches_reverts_none(client: Client, batch: PatchBatch):
    client.force_login(User.objects.create_user("guest", is_staff=True))
    for ask in (client.get, client.post):
        assert ask(address(batch, "revert"), {"reason": "I say so"}).status_code == 403
    batch.refresh_from_db()
    assert batch.status == "applied"


def test_another_cardinality_brings_in_line_what_was_said_and_back_again(admin_client: Client, batch: PatchBatch):
    before = open_of("acme", "led_by")
    page = "/admin/patches/predicate/led_by/change/"

    admin_client.post(page, FIELDS | {"cardinality": "many", "label": "is run by"})

    assert open_of("acme", "led_by") == [("Ann", 2011, None), ("Bob <b>", 2016, None)]
    assert Predicate.objects.get(name="led_by").label == "is run by"
    latest = ApplyTransaction.objects.latest("seq")
    assert (latest.reason, latest.by) == ("recounted", "admin:admin")
    assert latest.reflection == batch.reflection
    assert audit() == []
    admin_client.post(page, FIELDS | {"cardinality": "single"})
    assert open_of("acme", "led_by") == before
    assert audit() == []


def test_what_was_said_of_a_state_cannot_become_an_event(admin_client: Client, batch: PatchBatch):  # noqa: ARG001
    page = admin_client.post("/admin/patches/predicate/led_by/change/", FIELDS | {"cardinality": "event"})
    assert "Something was said with led_by already" in page.content.decode()
    assert Predicate.objects.get(name="led_by").cardinality == "single"


def test_a_predicate_that_nothing_was_said_with_may_become_one(admin_client: Client):
    admin_client.post("/admin/patches/predicate/led_by/change/", FIELDS | {"cardinality": "event"})
    assert Predicate.objects.get(name="led_by").cardinality == "event"


def test_operators_add_predicates_of_their_own(admin_client: Client):
    assert (
        "letter first" in admin_client.post(ADD, FIELDS | {"name": "Met at", "cardinality": "event"}).content.decode()
    )
    admin_client.post(ADD, FIELDS | {"name": "met", "cardinality": "event"})
    assert Predicate.objects.get(name="met").object_types == ["person"]
    admin_client.post(ADD, FIELDS | {"name": "met", "cardinality": "single"})
    assert Predicate.objects.get(name="met").cardinality == "event"


def test_what_is_said_with_an_added_event_happens_and_does_not_last():
    Predicate.objects.create(
        name="met", label="met", cardinality="event", subject_types=["organization"], object_types=["person"]
    )
    deliver(make_source(), a="met: Acme > Ann [2011..]\nmet: Acme > Ann [2011-05..]\nmet: Acme > Ann [2014..]")
    work_off()
    assert open_of("acme", "met") == [("Ann", 2011, 2011), ("Ann", 2014, 2015)]
    assert Assertion.objects.count() == 3
    assert set(Fact.objects.values_list("precision", flat=True)) == {"month", "year"}


def test_a_flight_that_read_the_vocabulary_before_it_changed_tells_into_the_right_slots(admin_client: Client, settings):
    settings.OPEN_FLIGHTS = 1
    source = make_source()
    deliver(source, a="led_by: Acme > Ann [2011..]", b="led_by: Acme > Bob [2016..]")
    dispatch.tick()
    [flight] = open_flights()
    fly(flight, until="apply")
    stage = stages.table()["apply"]
    hold = board(flight.pk, "apply", worker="w", needs=stage.needs)
    found = flights.outcomes(stage, complete(hold.items, stage, hold.hold))

    admin_client.post("/admin/patches/predicate/led_by/change/", FIELDS | {"cardinality": "many"})

    assert flights.settle_or_single_out(hold.hold, stage, found) is False
    work_off()
    assert open_of("acme", "led_by") == [("Ann", 2011, None), ("Bob", 2016, None)]
    assert audit() == []
