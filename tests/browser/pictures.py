"""Takes the pictures of the documentation: `make screenshots`. They show the story of the tests."""

import base64

import pytest
from playwright.sync_api import Page

from tests.browser.driving import open_list, row_of
from tests.conftest import ROOT

PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1280, "height": 900}
QUALITY = 75  # of 100: letters are sharp, and all of them together stay small


def keep(page: Page, name: str) -> None:
    """Keep what the window shows as a picture, with nothing in focus."""
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement?.blur()")
    asked = {"format": "webp", "quality": QUALITY, "optimizeForSpeed": False}
    taken = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))


@pytest.fixture
def window(page: Page) -> Page:
    page.set_viewport_size(SIZE)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_home_page(window: Page, theme: str) -> None:
    window.emulate_media(color_scheme=theme)
    window.goto("/admin/?range=1h")
    keep(window, f"home-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_run_in_quarantine(window: Page, theme: str) -> None:
    window.emulate_media(color_scheme=theme)
    open_list(window, "Runs", "ebb.md")
    row_of(window, "ebb.md").get_by_role("rowheader").get_by_role("link").click()
    window.wait_for_url("**/change/**")
    keep(window, f"run-{theme}")


def test_the_groups_of_the_quarantine(window: Page) -> None:
    window.goto("/admin/ingestion/quarantine/groups/")
    keep(window, "quarantine")


def test_the_runs(window: Page) -> None:
    open_list(window, "Runs")
    keep(window, "runs")


def test_a_batch_that_waits_for_a_reviewer(window: Page) -> None:
    open_list(window, "Batches")
    row_of(window, "moorings").get_by_role("link").first.click()
    window.wait_for_url("**/change/**")
    keep(window, "batch")


def test_what_a_revert_would_do(window: Page) -> None:
    open_list(window, "Batches")
    row_of(window, "pilots").get_by_role("link").first.click()
    window.get_by_role("link", name="Revert…").click()
    window.wait_for_url("**/revert/**")
    keep(window, "revert")
