"""Which pages of a site are taken in, by which address, and what of them."""

import gzip

import pytest

from handoffs import payloads
from handoffs.models import Reference, Source
from ingestion.sync import sync
from ledger.reasons import Reason
from tests.ingestion.connectors.web.asking import NO_WAIT, gone, orchard, rounds, source_of, taken

pytestmark = pytest.mark.django_db


def test_pages_further_away_than_the_depth_or_elsewhere_are_not_asked(site):
    orchard(site)
    site.put("/apple", "A red apple.", links=("http://127.0.0.2/", "//elsewhere.invalid/a", "mailto:ann@example.org"))
    sync(source := source_of(site, depth=1))
    assert taken(source) == {"/", "/apple", "/pear"}
    sync(source)
    assert taken(source) == {"/", "/apple", "/pear"}
    Source.objects.filter(pk=source.pk).update(options={**source.options, "depth": 2})
    source.refresh_from_db()
    sync(source)
    assert "/plum" in taken(source)


def test_more_pages_than_may_be_are_told(site):
    orchard(site)
    found = sync(source := source_of(site, pages=2))
    assert (found.skipped[Reason.PAGE_LIMIT], len(taken(source))) == (1, 2)


def test_what_is_excluded_later_is_retired_and_comes_back_with_the_options(site):
    orchard(site)
    sync(source := source_of(site))
    for options, held in [({"exclude": ["pear"]}, {"/", "/apple", "/plum"}), ({}, {"/", "/apple", "/pear", "/plum"})]:
        Source.objects.filter(pk=source.pk).update(options={"seeds": [site.url], **NO_WAIT, **options})
        source.refresh_from_db()
        sync(source)
        assert taken(source) == held


def test_sitemaps_lead_to_pages_that_nothing_links_to(site):
    place = '<{0} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"><loc>{1}</loc>{2}</{0}>'

    def sitemap(root: str, of: str, *paths: str, more: str = "") -> bytes:
        told = "".join(place.format(of, site.url + path, more) for path in paths)
        return f'<?xml version="1.0"?><{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{told}'.encode()

    image = f"<image:image><image:loc>{site.url}/image.png</image:loc></image:image>"
    ends = b"</sitemapindex>", b"</urlset>"
    site.put("/", "Trees.")
    for path in ("/apple", "/pear", "/plum"):
        site.put(path, f"The page {path}.")
    site.put("/robots.txt", f"Sitemap: {site.url}/all.xml", media_type="text/plain")
    site.put("/all.xml", sitemap("sitemapindex", "sitemap", "/one.xml", "/two.xml.gz", "/list.txt") + ends[0])
    site.put("/one.xml", sitemap("urlset", "url", "/apple", more=image) + ends[1], media_type="application/xml")
    site.put("/two.xml.gz", gzip.compress(sitemap("urlset", "url", "/pear")), media_type="application/gzip")
    site.put("/list.txt", f"{site.url}/plum\nhttp://elsewhere.invalid/\n", media_type="text/plain")
    sync(source := source_of(site))
    assert taken(source) == {"/", "/apple", "/pear", "/plum"}
    assert "/image.png" not in site.asked()
    site.put("/one.xml", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><urlset><url><loc>&b;</loc></url>")
    assert sync(source).gone == 0


def test_a_page_is_held_by_the_address_that_it_calls_its_own(site):
    site.put("/", "Trees.", links=("/apple?sort=up", "/apple?sort=down", "/apple?utm_source=mail"))
    for path in ("/apple", "/apple?sort=up", "/apple?sort=down"):
        site.put(path, "A red apple.", head='<link rel="canonical" href="/apple">')
    sync(source := source_of(site))
    assert taken(source) == {"/", "/apple"}


def test_an_address_of_its_own_that_leads_back_is_not_believed(site):
    site.put("/", "Trees.", links=("/apple/",))
    site.put("/apple/", "A red apple.", head='<link rel="canonical" href="/apple">')
    site.put("/apple", status=301, headers={"Location": "/apple/"})
    source = source_of(site, miss_rounds=1, miss_days=0)
    rounds(source, 3)
    assert (taken(source), gone(source)) == ({"/", "/apple/"}, 0)


def test_a_first_page_that_all_call_their_own_does_not_swallow_them(site):
    orchard(site)
    for path in ("/apple", "/pear"):
        site.put(path, f"The page {path}.", head='<link rel="canonical" href="/">')
    sync(source := source_of(site))
    assert taken(source) == {"/", "/apple", "/pear"}


def test_a_redirect_gives_the_page_by_its_last_address_and_out_of_the_site_none(site):
    site.put("/", "Trees.", links=("/old", "/away"))
    site.put("/old", status=301, headers={"Location": "/new"})
    site.put("/new", "Moved here.")
    site.put("/away", status=302, headers={"Location": "http://elsewhere.invalid/"})
    found = sync(source := source_of(site))
    assert (taken(source), found.skipped) == ({"/", "/new"}, {Reason.VANISHED: 1})


@pytest.mark.parametrize(
    ("put", "held"),
    [
        ({"head": '<meta name="robots" content="noindex, follow">'}, {"/", "/plum"}),
        ({"head": '<meta name="robots" content="nofollow">'}, {"/", "/pear"}),
        ({"headers": {"X-Robots-Tag": "none"}}, {"/"}),
        ({"headers": {"X-Robots-Tag": "otherbot: noindex"}}, {"/", "/pear", "/plum"}),
        ({"headers": {"X-Robots-Tag": "max-image-preview:none"}}, {"/", "/pear", "/plum"}),
        ({"head": '<meta name="Sluicegate" content="NOINDEX">'}, {"/", "/plum"}),
    ],
)
def test_what_a_page_says_to_robots_is_heeded(site, put, held):
    site.put("/", "Trees.", links=("/pear",))
    site.put("/pear", "A green pear.", links=("/plum",), **put)
    site.put("/plum", "A blue plum.")
    sync(source := source_of(site))
    assert taken(source) == held


# what is in a page


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("Привет, сад".encode("windows-1251"), "text/html; charset=windows-1251"),
        ('<meta charset="koi8-r">Привет, сад'.encode("koi8-r"), "text/html"),
        ("Привет, сад".encode(), "text/plain"),
        ("Привет, сад".encode("utf-16"), "text/html; charset=utf-16"),
    ],
)
def test_links_and_words_are_found_in_any_charset(site, body, media_type):
    encoding = media_type.partition("charset=")[2] or ("koi8-r" if b"koi8" in body else "utf-8")
    text = body.decode(encoding)
    page = (
        f'<html><head></head><body>{text}<p>{"слово " * 60}<a href="/сад">on</a></html>'
        if "html" in media_type
        else text
    )
    site.put("/", page.encode(encoding), media_type=media_type)
    site.put("/сад", "Here.")
    sync(source := source_of(site))
    assert taken(source) == ({"/", "/%D1%81%D0%B0%D0%B4"} if "html" in media_type else {"/"})


def test_pdf_and_text_are_taken_and_pictures_left_where_they_are(site):
    site.put("/", "Trees.", links=("/a.txt", "/b.pdf", "/c.png", "/d"))
    site.put("/a.txt", "A red apple.", media_type="text/plain")
    site.put("/b.pdf", b"%PDF-1.4 broken", media_type="application/pdf")
    site.put("/c.png", b"\x89PNG", media_type="image/png")
    site.put("/d", "A page of no type.", media_type="")
    found = sync(source := source_of(site))
    assert (taken(source), found.skipped) == ({"/", "/a.txt", "/b.pdf", "/d"}, {Reason.UNSUPPORTED_TYPE: 1})
    held = Reference.objects.get(external_id=site.address("/a.txt"))
    assert payloads.get(held.seen_payload_id) == b"A red apple."
