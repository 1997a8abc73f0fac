"""One spelling of each address, and which belong to a site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.connectors.web.addresses import Site, plain


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("HTTP://Example.ORG", "http://example.org/"),
        ("http://example.org:80/a", "http://example.org/a"),
        ("https://example.org:443/a#part", "https://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("http://example.org/a/./b/../c", "http://example.org/a/c"),
        ("http://example.org/../../etc", "http://example.org/etc"),
        ("http://example.org/%7Euser/caf%C3%A9", "http://example.org/~user/caf%C3%A9"),
        ("http://example.org/café", "http://example.org/caf%C3%A9"),
        ("http://example.org/a%2fb", "http://example.org/a%2Fb"),
        ("http://example.org/100%25", "http://example.org/100%25"),
        ("http://example.org/a?utm_source=x&id=7&fbclid=y", "http://example.org/a?id=7"),
        ("http://example.org/a?b=1&a=2", "http://example.org/a?b=1&a=2"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2606:4700::1]/a", "http://[2606:4700::1]/a"),
        ("ftp://example.org/", ""),
        ("javascript:alert(1)", ""),
        ("mailto:ann@example.org", ""),
        ("http://user:key@example.org/", ""),
        ("http://example.org:99999/", ""),
        ("http://[::1/", ""),
        ("http://example.org/" + "a" * 3_000, ""),
        ("", ""),
    ],
)
def test_an_address_has_one_spelling(given, expected):
    assert plain(given) == expected


@given(st.text(max_size=40), st.text(max_size=20))
def test_the_one_spelling_stays_as_it_is(path, query):
    once = plain(f"http://example.org/{path}?{query}")
    assert plain(once) == once


def test_a_site_is_what_is_below_its_addresses_and_not_excluded():
    site = Site([], ["https://example.org/docs"], ["*.html", "docs/api/*"], ["old", "*.bak"])
    inside = ["http://example.org/docs", "https://www.example.org/docs/a.html", "https://example.org/docs/a"]
    outside = [
        "https://example.org/docs2/a.html",
        "https://example.org/",
        "https://example.com/docs/",
        "https://example.org:8443/docs/",
        "https://example.org/docs/old/a.html",
        "https://example.org/docs/a.bak",
        "",
    ]
    assert [url for url in inside if url not in site] == []
    assert [url for url in outside if url in site] == []
    assert [site.listed(url) for url in inside] == [False, True, False]
    assert site.listed("https://example.org/docs/api/call")
    assert not site.listed("https://example.org/other/a.html")
