"""What keeps people from using a page: axe's findings by the rules of WCAG 2.2, levels A and AA."""

from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
SETTLED = "() => Promise.allSettled(document.getAnimations().map(one => one.finished)).then(() => null)"
MORE_ROWS = "#result_list tbody tr:nth-child(n+6)"
SERIOUS = {"serious", "critical"}


def serious(page: Page, *, theme: str, without: Sequence[str] = ()) -> list[str]:
    """The serious findings on the page in light or dark, a line each: the rule, and some of what offends against it.

    Only colours are looked at again in the dark. `without` are parts that are left out, as selectors; of a list's rows,
    which are alike, a few are looked at.
    """
    page.emulate_media(color_scheme=theme)
    page.evaluate(SETTLED)  # links change their colour slowly
    chosen = {"type": "tag", "values": RULES} if theme == "light" else {"type": "rule", "values": COLOURS}
    # It would fetch the styles again and put them into the page, which the page's policy refuses.
    options = {"runOnly": chosen, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, context={"exclude": [MORE_ROWS, *without]}, options=options)
    return [
        f"{page.url} in {theme}: {one['id']}: {', '.join(node['html'][:120] for node in one['nodes'][:3])}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]
