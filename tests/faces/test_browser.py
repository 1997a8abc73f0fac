"""The console in a real browser, where there is one: nothing is refused by the policy, and the overview stays fresh."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from tests.builders import make_run, make_source

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


@pytest.fixture(scope="session", autouse=True)
def folder_of_static_files() -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # the server warns of one that is missing


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # its own loop runs in this thread
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)  # the server's threads leave none behind
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        connections.close_all()  # Django keeps another one for this thread while a loop runs in it


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser, live_server: Any, admin_client: Client) -> Iterator[Page]:
    """The overview of somebody who is logged in; at the end nothing was refused and nothing broke."""
    caches["process"].clear()
    context = browser.new_context(color_scheme=request.param, base_url=live_server.url)
    cookie = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda problem: said.append(str(problem)))
    yield page
    assert said == []
    context.close()


def test_the_overview_is_drawn_and_refreshes_itself(page: Page) -> None:
    page.goto("/admin/")
    assert page.locator(".verdict h2").is_visible()
    assert page.locator("text=Nothing is in quarantine.").is_visible()
    background = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    ink = page.locator(".verdict h2").evaluate("head => getComputedStyle(head).color")
    assert background != ink

    make_run("quarantined", source=make_source())
    caches["process"].clear()
    page.keyboard.press("r")

    page.locator(".verdict li", has_text="1 in quarantine").wait_for(timeout=5_000)


def test_a_narrow_page_is_not_wider_than_its_window(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/admin/")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
