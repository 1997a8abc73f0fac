"""What keeps people from using a page: axe's findings by the rules of WCAG 2.2, levels A and AA."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]
SETTLED = "() => Promise.all(document.getAnimations().map(one => one.finished)).then(() => null)"
SERIOUS = {"serious", "critical"}


def serious(page: Page, *, theme: str, without: str = "") -> list[str]:
    """The serious findings on the page in light or dark, a line each: the rule, and some of what offends against it.

    Only colours are looked at again in the dark. `without` is a part that is left out, as a selector.
    """
    page.emulate_media(color_scheme=theme)
    page.evaluate(SETTLED)  # links change their colour slowly
    chosen = {"type": "tag", "values": RULES} if theme == "light" else {"type": "rule", "values": COLOURS}
    # It would fetch the styles again and put them into the page, which the page's policy refuses.
    options = {"runOnly": chosen, "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, context={"exclude": [without]} if without else None, options=options)
    return [
        f"{page.url} in {theme}: {one['id']}: {', '.join(node['html'][:120] for node in one['nodes'][:3])}"
        for one in found.response["violations"]
        if one["impact"] in SERIOUS
    ]
