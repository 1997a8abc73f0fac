"""Flower, a real one, behind the console: who may look sees it, nobody else does, and its absence breaks nothing."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as installed
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.test import Client
from django.urls import reverse

from console.roles import ADMINISTRATOR, OPERATOR, REVIEWER, VIEWER
from tests.builders import make_flight, make_occurrence, make_run
from tests.conftest import ROOT
from tests.faces.test_browser import browser
from tests.faces.test_up import free_port, until

__all__ = ["browser"]
pytestmark = pytest.mark.django_db(transaction=True)
PAGES = (
    "",
    "workers",
    "tasks",
    "broker",
    "api/workers",
    "api/tasks",
    "metrics",
    "healthcheck",
    "static/css/flower.css",
)


def status(url: str, password: str = "") -> int:
    request = Request(url)  # noqa: S310  always http on the loopback
    request.add_header("Authorization", f"Basic {base64.b64encode(f'console:{password}'.encode()).decode()}")
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0


@pytest.fixture(scope="module")
def flower() -> Iterator[str]:
    """The address of a Flower of this installation."""
    port = free_port()
    told = [sys.executable, "-m", "celery", "--app", "config", "--quiet", "flower", "--conf=config/flowerconfig.py"]
    process = subprocess.Popen(told, cwd=ROOT, env={**os.environ, "SLUICEGATE_FLOWER_PORT": str(port)})
    address = f"http://127.0.0.1:{port}"
    try:
        until(lambda: status(f"{address}/flower/healthcheck"))
        yield address
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def seen(flower: str, settings: Any) -> str:
    settings.FLOWER_URL = flower
    return flower


def person(role: str | None, client: Client) -> Client:
    somebody = User.objects.create_user("somebody", is_staff=True)
    if role:
        somebody.groups.add(Group.objects.get_or_create(name=role)[0])
    client.force_login(somebody)
    return client


def test_every_door_of_flower_is_closed_but_to_the_console(flower: str) -> None:
    for page in ("", "tasks", "api/workers", "metrics", "healthcheck"):
        assert status(f"{flower}/flower/{page}") == 401
        assert status(f"{flower}/flower/{page}", installed.FLOWER_PASSWORD) == 200
        assert status(f"{flower}/{page}", installed.FLOWER_PASSWORD) == 404  # all of it is below its prefix


@pytest.mark.parametrize("role", [VIEWER, OPERATOR, REVIEWER, ADMINISTRATOR])
@pytest.mark.usefixtures("seen")
def test_who_may_look_at_flights_sees_all_of_it(role: str, client: Client) -> None:
    looks = person(role, client)

    told = {page: looks.get(f"/flower/{page}") for page in PAGES}

    assert {page: answer.status_code for page, answer in told.items()} == dict.fromkeys(PAGES, 200)
    assert b"Flower" in told[""].content
    assert told["static/css/flower.css"].headers["Content-Type"] == "text/css"
    assert not any(answer.cookies for answer in told.values())


@pytest.mark.usefixtures("seen")
def test_others_see_nothing_of_it(client: Client) -> None:
    assert {client.get(f"/flower/{page}").status_code for page in PAGES} == {302}
    person(None, client)
    assert {client.get(f"/flower/{page}").status_code for page in PAGES} == {403}
    User.objects.update(is_staff=False, is_superuser=True)
    assert {client.get(f"/flower/{page}").status_code for page in PAGES} == {302}


@pytest.mark.usefixtures("seen")
def test_nothing_is_done_through_it(admin_client: Client) -> None:
    for deed in ("api/task/revoke/1.fetch", "api/worker/shutdown/w", "api/task/send-task/ingestion.fetch", "tasks"):
        for method in (admin_client.post, admin_client.put, admin_client.delete):
            assert method(f"/flower/{deed}").status_code == 405
    rows = {"draw": "1", "start": "0", "length": "5", "order[0][column]": "0", "columns[0][data]": "name"}
    assert admin_client.post("/flower/tasks/datatable", rows).json()["recordsTotal"] == 0
    assert Client().post("/flower/tasks/datatable", rows).status_code == 302


@pytest.mark.usefixtures("seen")
def test_of_a_task_that_it_forgot_the_ledger_still_knows(admin_client: Client) -> None:
    answer = admin_client.get("/flower/task/12.fetch")

    assert answer.status_code == 404
    assert "/admin/ingestion/flight/12/change/" in answer.content.decode()
    assert "/admin/ingestion/occurrence/7/change/" in admin_client.get("/flower/task/7.sync").content.decode()
    assert admin_client.get("/flower/task/nonsense").status_code == 404


def test_its_absence_breaks_nothing(settings: Any, admin_client: Client) -> None:
    settings.FLOWER_URL = f"http://127.0.0.1:{free_port()}"

    answer = admin_client.get("/flower/task/12.fetch")

    assert answer.status_code == 503
    assert "make up" in answer.content.decode()
    assert "/admin/ingestion/flight/12/change/" in answer.content.decode()


@pytest.mark.usefixtures("seen")
def test_one_of_another_installation_is_said_to_be_that(settings: Any, admin_client: Client) -> None:
    settings.FLOWER_PASSWORD = "another"  # noqa: S105

    answer = admin_client.get("/flower/")

    assert answer.status_code == 502
    assert "SLUICEGATE_SECRET_KEY" in answer.content.decode()


def test_links_go_from_the_ledger_to_flower_and_back_by_the_tasks_id(admin_client: Client) -> None:
    flight = make_flight(lease_until="2026-01-01T00:00Z")
    run = make_run("running", flight=flight, source=flight.source)
    sync = make_occurrence()
    task = f"/flower/task/{flight.pk}.embed"

    assert task in admin_client.get(reverse("admin:ingestion_flight_change", args=[flight.pk])).content.decode()
    assert task in admin_client.get(reverse("admin:ingestion_ingestrun_change", args=[run.pk])).content.decode()
    page = admin_client.get(reverse("admin:ingestion_occurrence_change", args=[sync.pk])).content.decode()
    assert f"/flower/task/{sync.pk}.sync" in page
    found = admin_client.get(reverse("admin:ingestion_flight_changelist"), {"q": f"{flight.pk}.embed"})
    assert [row.pk for row in found.context["cl"].result_list] == [flight.pk]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
@pytest.mark.usefixtures("seen")
def test_a_browser_is_refused_nothing_on_its_pages(browser: Any, live_server: Any, admin_client: Client) -> None:
    caches["process"].clear()
    context = browser.new_context(base_url=live_server.url)
    cookie = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))

    for address in ("/flower/", "/flower/tasks", "/flower/broker"):
        page.goto(address, wait_until="networkidle" if address != "/flower/" else "load")
        assert page.locator(".app-brand").is_visible()

    assert said == []
    context.close()
