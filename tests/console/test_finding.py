"""Whatever is pasted leads straight to its page; what may mean several things is asked back."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from ingestion.models import Flight, IngestRun
from ledger import rendering
from patches.models import Entity
from tests.builders import make_flight
from tests.faces.test_admin import make_history

pytestmark = pytest.mark.django_db

GO = reverse("admin:go")


@pytest.fixture
def run() -> IngestRun:
    return make_history()


def lands(client: Client, term: str) -> str:
    answer = client.get(GO, {"q": term})
    return answer["Location"] if answer.status_code == 302 else ""


@pytest.mark.parametrize(
    ("term", "meant"),
    [
        (lambda run: f"run {run.pk}", lambda run: run),
        (lambda run: f" Handoff#{run.handoff_id} ", lambda run: run.handoff),
        (lambda run: f"batch:{run.batch_id}", lambda run: run.batch),
        (lambda run: str(run.handoff.reference_id), lambda run: run.handoff.reference),
        (lambda run: run.handoff.payload_id.upper(), lambda run: run.handoff.payload),
        (lambda run: run.handoff.payload_id[:12], lambda run: run.handoff.payload),
        (lambda run: run.batch.content_hash, lambda run: run.batch),
        (lambda run: run.handoff.reference.external_id, lambda run: run.handoff.reference),
        (lambda _run: "Ada", lambda _run: Entity.objects.get(name="Ada")),
        (lambda run: run.source.name, lambda run: run.source),
    ],
)
def test_what_is_pasted_leads_straight_to_its_page(
    admin_client: Client, run: IngestRun, term: Callable[[IngestRun], str], meant: Callable[[IngestRun], Model]
) -> None:
    Entity.objects.filter(name="Ada").update(key="ada")

    assert lands(admin_client, term(run)) == rendering.page(meant(run))


def test_a_task_of_flowers_leads_to_its_flight_and_its_sync(admin_client: Client, run: IngestRun) -> None:
    flight = IngestRun.objects.exclude(flight=None).latest("pk").flight
    assert flight is not None
    sync = run.source.occurrences.get()

    assert lands(admin_client, f"{flight.pk}.embed") == rendering.page(flight)
    assert lands(admin_client, f"{sync.pk}.sync") == rendering.page(sync)


def test_a_number_that_several_have_is_asked_back(admin_client: Client, run: IngestRun) -> None:
    if not Flight.objects.filter(pk=run.pk).exists():
        make_flight(pk=run.pk)

    page = admin_client.get(GO, {"q": str(run.pk)}).content.decode()

    assert rendering.page(run) in page
    assert rendering.page(Flight.objects.get(pk=run.pk)) in page


@pytest.mark.parametrize("term", ["", "nothing is called <so>", "run 999999999", "ffffffffffff", "0" * 64])
def test_what_nothing_is_called_is_said(admin_client: Client, term: str) -> None:
    page = admin_client.get(GO, {"q": term}).content.decode()

    assert "Give an id" in page
    assert "<so>" not in page


def test_nobody_finds_what_they_may_not_see(client: Client, run: IngestRun) -> None:
    client.force_login(User.objects.create_user("guest", is_staff=True))

    assert lands(client, f"run {run.pk}") == ""
    assert client.get(GO, {"q": f"run {run.pk}"}).status_code == 200
