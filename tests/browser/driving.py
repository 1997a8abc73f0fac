"""How a person finds their way about in the console: by names that they can read."""

import pytest
from playwright.sync_api import Locator, Page, expect

WORKED_OFF_S = 30


def open_list(page: Page, name: str, term: str = "") -> None:
    """Go to all of a list as people do: from the home page by its name in the navigation, then by its search."""
    last_view = open_last_view(page, name)
    if last_view:
        page.get_by_role("navigation", name="Views").get_by_role("link", name="All", exact=True).click()
    if term:
        page.get_by_role("textbox", name="Search").fill(term)
        page.get_by_role("button", name="Search").click()


def open_last_view(page: Page, name: str) -> bool:
    """Go to a list by its name in the navigation; return whether it has views, of which the last one is shown."""
    page.goto("/admin/")
    place = page.get_by_role("navigation", name="Places").get_by_role("link", name=name, exact=True)
    has_views = (place.get_attribute("href") or "").endswith("/last/")
    place.click()
    return has_views


def row_of(page: Page, words: str) -> Locator:
    return page.get_by_role("main").get_by_role("row").filter(has_text=words)


def act(page: Page, row: str, action: str, why: str) -> None:
    """Choose the row with these words, and an action with its reason."""
    row_of(page, row).get_by_role("checkbox").check()
    actions = page.get_by_label("Action:")
    [wanted] = [name for name in actions.get_by_role("option").all_inner_texts() if name.startswith(action)]
    actions.select_option(label=wanted)
    page.get_by_label("why").fill(why)
    page.get_by_role("button", name="Go").click()


def becomes(page: Page, row: str, status: str) -> None:
    """Look at the list again until the row with these words says so."""
    for _ in range(WORKED_OFF_S * 2):
        if row_of(page, row).filter(has_text=status).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    expect(row_of(page, row)).to_contain_text(status)


class Keys:
    """A person without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page, self.press, self.type = page, page.keyboard.press, page.keyboard.type

    def go_to(self, wanted: Locator) -> None:
        """Press Tab until it has the focus, which has to be seen."""
        for _ in range(200):
            self.press("Tab")
            if wanted.evaluate("element => element === document.activeElement"):
                assert wanted.evaluate("element => element.matches(':focus-visible')")
                return
        pytest.fail(f"no way to {wanted} by keys")

    def follow(self, wanted: Locator) -> None:
        self.go_to(wanted)
        self.press("Enter")

    def go_to_place(self, name: str) -> None:
        self.follow(self.page.get_by_role("navigation", name="Places").get_by_role("link", name=name, exact=True))
