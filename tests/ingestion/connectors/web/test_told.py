"""What a site tells of its pages: by sitemaps, when they changed; by how it looks where it has none, that they went."""

from types import SimpleNamespace

import pytest

from ingestion.connectors.web import crawl
from ingestion.connectors.web.absence import look
from ingestion.connectors.web.frontier import DAY_S
from ingestion.connectors.web.markup import sitemap
from ingestion.sync import sync
from ledger.failures import Transient
from ledger.reasons import Reason
from tests.ingestion.connectors.web.asking import gone, orchard, source_of, taken
from tests.peers.http import Answer
from tests.peers.site import INVENTED, PROSE, Site

pytestmark = pytest.mark.django_db

LONG_AGO, LATER = "2024-05-01", "2024-05-02T10:00:00+00:00"


def mapped(site: Site, **changed: str) -> None:
    told = "".join(
        f"<url><lastmod>{moment}</lastmod><loc>{site.url}/{path}</loc></url>" for path, moment in changed.items()
    )
    site.put("/all.xml", f"<urlset>{told}</urlset>", media_type="application/xml")
    site.put("/robots.txt", f"Sitemap: {site.url}/all.xml", media_type="text/plain")


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1_800_000_000.0]
    monkeypatch.setattr(crawl, "time", SimpleNamespace(time=lambda: now[0]))
    return now


def pages(site: Site) -> set[str]:
    return {path for path in site.asked() if path not in ("/robots.txt", "/all.xml", INVENTED)}


def test_a_page_that_the_sitemap_calls_unchanged_is_not_asked_for(site):
    orchard(site)
    mapped(site, apple=LONG_AGO, pear=LONG_AGO)
    source = source_of(site)
    sync(source)
    assert pages(site) == {"/", "/apple", "/pear", "/plum"}
    sync(source)
    assert pages(site) == {"/", "/plum"}

    site.put("/pear", "A ripe pear.", links=("/plum", "/fig"))
    site.put("/fig", "A fig.")
    mapped(site, apple=LONG_AGO, pear=LATER)
    assert sync(source).new == 2
    assert pages(site) == {"/", "/pear", "/plum", "/fig"}
    assert taken(source) == {"/", "/apple", "/pear", "/plum", "/fig"}
    assert gone(source) == 0


def test_as_sitemaps_lie_all_is_asked_for_after_some_days(site, clock):
    orchard(site)
    mapped(site, apple=LONG_AGO, pear=LONG_AGO)
    source = source_of(site, recheck_days=7)
    sync(source)
    site.put("/apple", "A rotten apple.")
    clock[0] += 6 * DAY_S
    assert sync(source).new == 0
    clock[0] += 1 * DAY_S
    assert sync(source).new == 1


def test_a_change_of_today_may_not_be_the_last_of_the_day(site, clock):
    orchard(site)
    mapped(site, apple="2027-01-15", pear=LONG_AGO)  # the clock's own day
    source = source_of(site)
    sync(source)
    site.put("/apple", "An apple, mended once more.")
    clock[0] += 3 * DAY_S
    assert sync(source).new == 1
    site.asked()
    sync(source)
    assert pages(site) == {"/", "/plum"}


def test_a_page_that_left_the_sitemap_is_asked_for_again(site):
    orchard(site)
    mapped(site, apple=LONG_AGO, pear=LONG_AGO)
    source = source_of(site, miss_rounds=1, miss_days=0)
    sync(source)
    del site.pages["/apple"]
    mapped(site, pear=LONG_AGO)
    assert sync(source).gone == 1
    site.asked()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("2024-05-01", {"https://a.example/": "2024-05-01"}),
        (" 2024-05-01T10:00:00.5+02:00 ", {"https://a.example/": "2024-05-01T10:00:00.5+02:00"}),
        ("2024-05", {}),
        ("yesterday", {}),
        ("", {}),
    ],
)
def test_what_a_sitemap_says_of_a_change_names_a_day_or_is_nothing(said, found):
    data = f"<urlset><url><loc>https://a.example/</loc><lastmod>{said}</lastmod></url></urlset>".encode()
    assert sitemap(data).changed == found


def excuse(path: str) -> Answer:
    text = f"<html><title>Oops</title><article><h1>Nothing here</h1><p>No {path} today. {PROSE}</p></article></html>"
    return Answer(200, text.encode(), {"Content-Type": "text/html"})


def test_a_page_that_looks_as_what_is_not_there_is_missed(site):
    orchard(site)
    site.nothing = excuse
    site.put("/pear", "A green pear.", links=("/plum", "/medlar-of-old"))
    source = source_of(site, miss_rounds=2, miss_days=0)
    first = sync(source)
    assert (first.new, first.skipped) == (4, {Reason.NOT_FOUND_PAGE: 1})
    assert taken(source) == {"/", "/apple", "/pear", "/plum"}
    assert site.asked().count(INVENTED) == 1

    del site.pages["/plum"]
    assert sync(source).gone == 0
    assert sync(source).gone == 1
    assert site.asked().count(INVENTED) == 0  # how it looks is remembered


def test_a_first_page_that_is_shown_for_everything_stays(site):
    site.put("/", "Trees.", links=("/apple",))
    home = site.pages["/"]
    site.nothing = lambda _: Answer(200, home.body, {"Content-Type": "text/html"})
    source = source_of(site, miss_rounds=1, miss_days=0)
    assert sync(source).skipped == {Reason.NOT_FOUND_PAGE: 1}
    site.put("/", "Trees.", links=("/apple",), head='<meta name="build" content="2">')  # the same words
    again = sync(source)
    assert (again.gone, again.held) == (0, 0)
    assert taken(source) == {"/"}


@pytest.mark.parametrize("status", [500, 429])
def test_a_site_that_will_not_say_how_it_looks_loses_a_visit_and_no_page(site, status):
    orchard(site)
    site.nothing = lambda path: Answer(404 if path == "/robots.txt" else status)
    source = source_of(site)
    for _ in range(2):
        try:
            sync(source)
        except Transient as failure:
            assert failure.reason in (Reason.REMOTE_UNAVAILABLE, Reason.REMOTE_BUSY)
    sync(source)
    assert taken(source) == {"/", "/apple", "/pear", "/plum"}
    assert site.asked().count(INVENTED) <= 2


def test_what_it_says_of_its_own_address_and_in_numbers_does_not_count():
    one = look(
        "No page /green/pear-tree at https://a.example/green/pear-tree, 17:04", "https://a.example/green/pear-tree"
    )
    assert one == look("No page /x/medlar at https://a.example/x/medlar, 17:09", "https://a.example/x/medlar")
    assert one != look("A page on pears", "https://a.example/green/pear-tree")
    assert look("404", "https://a.example/x") == ""


def test_a_page_that_hides_itself_from_now_on_is_gone_after_some_rounds(site):
    orchard(site)
    source = source_of(site, miss_rounds=2, miss_days=0)
    sync(source)
    site.put("/apple", "A red apple.", head='<meta name="robots" content="noindex">')
    assert [sync(source).gone for _ in range(2)] == [0, 1]
