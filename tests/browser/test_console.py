"""What people do in the console, in a real browser, with workers behind it."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, log_in
from tests.browser.driving import Keys, act, becomes, open_last_view, open_list, row_of
from tests.browser.looks import serious
from tests.browser.story import PASSWORD, UNREAD, USER, give_back


def background(page: Page) -> str:
    return str(page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))


def test_a_stranger_says_who_they_are_and_then_sees_how_it_goes(stranger: Page) -> None:
    log_in(stranger)

    expect(stranger.get_by_role("heading", name="Overview")).to_be_visible()
    expect(stranger.get_by_role("region", name="Verdict")).to_contain_text("for a reviewer")


def test_a_run_in_quarantine_is_found_understood_released_and_seen_complete(console: Console, page: Page) -> None:
    open_list(page, "Runs", "ebb.md")
    row_of(page, "ebb.md").get_by_role("rowheader").get_by_role("link").click()
    expect(page.get_by_role("main")).to_contain_text("Reading failed half-way")  # so the disk is looked after
    [run] = re.findall(r"/ingestrun/(\d+)/", page.url)
    give_back(UNREAD["ebb.md"], console.state_dir)

    open_list(page, "Quarantine", run)
    act(page, f"run {run}", "Release", "The disk is back.")

    expect(page.get_by_role("main")).to_contain_text("1 released")
    open_list(page, "Runs", "ebb.md")
    becomes(page, "ebb.md", "completed")


@pytest.mark.parametrize(
    ("title", "says", "deed", "status"),
    [("ferry", "Nora Lindqvist", "Approve", "applied"), ("lights", "Tom Iversen", "Reject", "rejected")],
)
def test_a_reviewer_reads_what_a_batch_says_and_decides_in_words(
    page: Page, title: str, says: str, deed: str, status: str
) -> None:
    open_list(page, "Batches")
    expect(row_of(page, title)).to_contain_text("in review")
    row_of(page, title).get_by_role("link").first.click()
    expect(page.get_by_role("main")).to_contain_text(says)

    page.get_by_label("why").fill("I called the office.")
    page.get_by_role("button", name=deed).click()

    expect(page.get_by_role("main")).to_contain_text("I called the office.")
    open_list(page, "Batches")
    becomes(page, title, status)


def test_a_batch_is_reverted_for_a_reason_once_its_reader_saw_what_that_would_do(page: Page) -> None:
    open_list(page, "Batches")
    row_of(page, "pilots").get_by_role("link").first.click()

    page.get_by_role("link", name="Revert…").click()
    expect(page.get_by_role("main")).to_contain_text("Jonas Weir")
    page.get_by_label("Reason").fill("He never took office.")
    page.get_by_role("button", name="Revert").click()

    expect(page.get_by_role("main")).to_contain_text("1 reverted")
    expect(page.get_by_role("main")).to_contain_text("He never took office.")


def test_a_source_is_paused_for_a_reason_and_goes_on_again(page: Page) -> None:
    open_list(page, "Sources")
    act(page, "vault", "Pause", "The vault is being moved.")
    row_of(page, "vault").get_by_role("link", name="vault", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("The vault is being moved.")

    open_list(page, "Sources")
    act(page, "vault", "Resume", "")

    expect(page.get_by_role("main")).to_contain_text("1 resumed")


def test_a_view_is_saved_under_a_name_and_found_again_from_the_navigation(stranger: Page) -> None:
    log_in(stranger)
    open_list(stranger, "Runs")
    stranger.get_by_role("link", name="Completed", exact=True).click()
    expect(stranger.get_by_role("list", name="Narrowed to")).to_contain_text("status: Completed")
    stranger.get_by_text("Save this view").click()
    stranger.get_by_label("name", exact=True).fill("Went in")
    stranger.get_by_role("button", name="Save").click()

    assert open_last_view(stranger, "Runs")

    views = stranger.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Went in")).to_have_attribute("aria-current", "page")
    stranger.get_by_role("link", name="Without status").click()
    expect(views.get_by_role("link", name="All")).to_have_attribute("aria-current", "page")
    views.get_by_role("link", name="Went in").click()
    stranger.get_by_role("button", name="Forget this view").click()
    expect(views.get_by_role("link", name="Went in")).to_have_count(0)


def test_who_likes_it_dark_has_it_dark_on_every_page(stranger: Page) -> None:
    log_in(stranger)
    light = background(stranger)
    theme = stranger.get_by_role("button", name="Toggle theme")
    while stranger.locator("html").get_attribute("data-theme") != "dark":
        theme.click()

    open_list(stranger, "Runs")

    assert background(stranger) != light
    stranger.emulate_media(color_scheme="dark")
    stranger.evaluate("localStorage.setItem('theme', 'auto')")
    stranger.reload()
    assert background(stranger) != light


def test_a_run_is_released_with_the_keys_alone(console: Console, stranger: Page) -> None:
    keys = Keys(stranger)
    stranger.goto("/")
    keys.type(USER)  # the first field has the focus
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    keys.go_to_place("Runs")
    stranger.wait_for_url("**/ingestrun/")
    keys.press("/")
    keys.type("neap.md")
    keys.press("Enter")
    stranger.wait_for_url("**q=neap.md**")
    keys.follow(row_of(stranger, "neap.md").get_by_role("rowheader").get_by_role("link"))
    stranger.wait_for_url("**/change/**")
    give_back(UNREAD["neap.md"], console.state_dir)

    [run] = re.findall(r"/ingestrun/(\d+)/", stranger.url)
    keys.go_to_place("Quarantine")
    keys.go_to(row_of(stranger, f"run {run}").get_by_role("checkbox"))
    keys.press("Space")
    keys.go_to(stranger.get_by_label("Action:"))
    keys.type("Rel")
    keys.go_to(stranger.get_by_label("why"))
    keys.type("The disk is back.")
    keys.press("Enter")

    expect(stranger.get_by_role("main")).to_contain_text("1 released")


TELEPHONE = 390  # pixels
# Beside the places of the navigation and the first row of each.
MORE = [
    "/admin/",
    "/admin/ingestion/quarantine/groups/",
    "/admin/ingestion/ingestrun/?status__exact=quarantined",
    "/admin/patches/patchbatch/?status__exact=in_review",
    "/admin/patches/gatepolicy/",
    "/admin/patches/gatepolicy/add/",
    "/admin/auth/user/",
    "/admin/password_change/",
]


def main_pages(page: Page) -> list[str]:
    page.goto("/admin/")
    links = page.get_by_role("navigation", name="Places").get_by_role("link")
    places = [path for path in links.evaluate_all("links => links.map(link => link.pathname)") if "/admin/" in path]
    return [*MORE, *places, *filter(None, (first_row(page, path) for path in places))]


def first_row(page: Page, path: str) -> str | None:
    """The address of the page of the list's first row, if the list has one."""
    page.goto(path)
    rows = page.get_by_role("main").get_by_role("rowheader").get_by_role("link")
    return rows.first.get_attribute("href") if rows.count() else None


def test_nothing_on_the_main_pages_keeps_anybody_from_using_them(page: Page) -> None:
    found, seen = [], set[str]()
    for path in main_pages(page):
        page.goto(path)
        for theme in ("dark", "light"):
            found += serious(page, theme=theme, without=sorted(seen))
        seen |= {part for part in ("#nav-sidebar", "#header") if page.locator(part).count()}  # the same on every page

    assert found == []


def test_the_main_pages_are_no_wider_than_a_telephone(page: Page) -> None:
    wide = {}
    for path in main_pages(page):
        page.set_viewport_size({"width": TELEPHONE, "height": 844})
        page.goto(path)
        if (width := page.evaluate("document.documentElement.scrollWidth")) > TELEPHONE:
            wide[path] = width

    assert wide == {}


def test_nothing_keeps_anybody_from_coming_in(stranger: Page) -> None:
    stranger.goto("/")

    assert serious(stranger, theme="light") + serious(stranger, theme="dark") == []
