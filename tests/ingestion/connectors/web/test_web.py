"""A site through real syncs: what is asked of it, at what pace, and what its troubles come to."""

import gzip
from datetime import timedelta

import pytest

from handoffs import payloads
from handoffs.models import Reference
from ingestion.connectors.web import Web, crawl, robots
from ingestion.connectors.web.frontier import DAY_S, Frontier
from ingestion.reading import sandbox
from ingestion.sync import sync
from ledger.failures import Auth, Failure, Gone, Malformed, RateLimited, Transient
from ledger.reasons import Reason
from tests.builders import make_source
from tests.ingestion.connectors.web.asking import NO_WAIT, gone, orchard, rounds, source_of, taken, whole_round
from tests.peers.http import Answer, Peer
from tests.peers.site import INVENTED
from tests.peers.tls import self_signed

pytestmark = pytest.mark.django_db

# requests


def test_what_a_first_sync_no_change_and_one_change_cost(site):
    site.put("/", "All.", links=tuple(f"/p{n}" for n in range(99)))
    for n in range(99):
        site.put(f"/p{n}", f"Page {n}.")
    source = source_of(site)
    assert sync(source).new == 100
    assert len(site.asked()) == 102  # with robots.txt, and what it answers where it has nothing

    unchanged = sync(source)
    assert (unchanged.listed, unchanged.new, unchanged.gone) == (0, 0, 0)
    told = [(request.target, site.answer(request).status) for request in site.peer.asked]
    assert (len(told), {status for _, status in told}) == (100, {304})
    site.asked()

    site.put("/p7", "Page 7, mended.")
    changed = sync(source)
    assert (changed.listed, changed.new) == (1, 1)
    assert len(site.asked()) == 100


def test_a_page_without_a_tag_is_asked_for_by_its_date(site):
    site.put("/", "Trees.", tagged=False, headers={"Last-Modified": "Sat, 01 Nov 2025 10:00:00 GMT"})
    source = source_of(site)
    sync(source)
    site.asked()
    assert sync(source).listed == 0
    assert site.peer.asked[-1].headers["if-modified-since"] == "Sat, 01 Nov 2025 10:00:00 GMT"


def test_a_page_in_which_the_frame_alone_changed_is_not_read_again(site):
    site.put("/", "Trees.", tagged=False)
    source = source_of(site)
    sync(source)
    site.put("/", "Trees.", tagged=False, links=("/other",), head='<meta name="build" content="2">')
    found = sync(source)
    assert (found.unchanged, found.new) == (1, 0)


# pace


def test_the_delay_that_the_site_wants_is_kept_between_any_two_requests(site):
    orchard(site)
    site.put("/robots.txt", "User-agent: *\nCrawl-delay: 7", media_type="text/plain")
    source = source_of(site)
    seen = []
    for _ in range(4):
        with pytest.raises(RateLimited) as failure:
            sync(source)
        assert failure.value.retry_after == timedelta(seconds=7)
        seen.append(site.asked()[-1])
        source.refresh_from_db()
        assert (source.last_error, source.paused) == ("", False)
    sync(source)
    assert [*seen, *site.asked()] == ["/", INVENTED, "/apple", "/pear", "/plum"]
    assert taken(source) == {"/", "/apple", "/pear", "/plum"}


def test_without_one_a_visit_ends_after_a_stretch_and_the_next_goes_on(site, monkeypatch):
    monkeypatch.setattr(crawl, "STRETCH", 4)
    orchard(site)
    source = source_of(site, delay_s=2)
    with pytest.raises(RateLimited) as failure:
        sync(source)
    assert (failure.value.reason, failure.value.retry_after) == (Reason.VISIT_OVER, timedelta(seconds=8))
    assert len(taken(source)) == 3
    assert sync(source).new == 1


# robots.txt


def test_what_robots_txt_keeps_from_us_is_not_asked(site):
    orchard(site)
    site.put("/robots.txt", "User-agent: *\nDisallow: /pear\nUser-agent: other\nDisallow: /", media_type="text/plain")
    source = source_of(site)
    assert sync(source).skipped == {Reason.ROBOTS: 1}
    assert site.asked() == ["/robots.txt", "/", INVENTED, "/apple"]
    with pytest.raises(Malformed):
        Web([f"{site.url}/pear"], **NO_WAIT).check()
    with pytest.raises(Malformed):
        Web([site.url], **NO_WAIT).read(site.address("/pear"), limit_bytes=1 << 20)


def test_a_redirect_does_not_lead_around_robots_txt(site):
    site.put("/", "Trees.", links=("/way",))
    site.put("/way", status=302, headers={"Location": "/pear"})
    site.put("/pear", "A green pear.")
    site.put("/robots.txt", "User-agent: sluicegate\nDisallow: /pear", media_type="text/plain")
    source = source_of(site, miss_rounds=1, miss_days=0)
    assert sync(source).skipped == {Reason.ROBOTS: 1}
    assert (taken(source), "/pear" in site.asked()) == ({"/"}, False)


def test_a_site_that_forbids_itself_later_keeps_what_was_taken(site):
    orchard(site)
    source = source_of(site, miss_rounds=1, miss_days=0)
    sync(source)
    site.put("/robots.txt", "User-agent: *\nDisallow: /", media_type="text/plain")
    robots.KEPT.clear()
    site.asked()
    found = sync(source, accept_deletions=True)
    assert (found.gone, found.skipped, site.asked()) == (0, {Reason.ROBOTS: 4}, ["/robots.txt"])
    assert len(taken(source)) == 4


@pytest.mark.parametrize("status", [500, 503, 599])
def test_robots_txt_that_fails_means_that_nothing_is_read_and_nothing_retired(site, status):
    orchard(site)
    source = source_of(site, miss_rounds=1, miss_days=0)
    sync(source)
    site.put("/robots.txt", status=status)
    site.put("/new", "A new page.")
    for _ in range(6):
        robots.KEPT.clear()
        with pytest.raises(Transient) as failure:
            sync(source, accept_deletions=True)
        assert "robots.txt" in failure.value.detail
    assert {target for target in site.asked()[6:]} == {"/robots.txt"}
    source.refresh_from_db()
    assert (gone(source), source.paused, source.last_error) == (0, False, str(failure.value))

    del site.pages["/robots.txt"]
    assert sync(source).gone == 0
    assert len(taken(source)) == 4


@pytest.mark.parametrize(
    ("answer", "may"),
    [
        (Answer(404, b""), True),
        (Answer(403, b""), True),
        (Answer(302, b"", {"Location": "/robots.txt"}), True),
        (Answer(200, b"<html>Disallow: / <a>"), True),
        (Answer(200, b"User-agent: *\r\nDisallow: /\r\n"), False),
        (Answer(200, b"\xef\xbb\xbfUser-agent: *\nDisallow: /"), False),
    ],
    ids=["none", "refused", "in circles", "a page", "disallow", "with a BOM"],
)
def test_what_robots_txt_may_be_answered_with(site, answer, may):
    site.put("/", "Trees.")
    with site.peer.answering(lambda request: answer if request.path == "/robots.txt" else None):
        sync(source := source_of(site))
    assert (taken(source) == {"/"}) is may


@pytest.mark.parametrize("trouble", ["cut", "half an encoding"])
def test_half_a_robots_txt_allows_nothing(site, trouble):
    site.put("/", "Trees.")
    packed = gzip.compress(b"User-agent: *\nDisallow: /\n" * 99)[:-9]
    headers = {"Content-Encoding": "gzip"} if trouble != "cut" else {"Content-Length": "9999", "Connection": "close"}
    site.put("/robots.txt", packed, media_type="text/plain", headers=headers)
    with pytest.raises(Transient):
        sync(source_of(site))
    assert "/" not in site.asked()


# what goes wrong


def test_a_page_that_is_missing_is_gone_after_some_rounds_and_one_that_is_gone_at_once(site):
    orchard(site)
    sync(source := source_of(site, miss_rounds=3, miss_days=0))
    del site.pages["/plum"]
    assert [report.gone for report in rounds(source, 3)] == [0, 0, 1]
    site.gone.add("/apple")
    assert sync(source).gone == 1
    assert taken(source) == {"/", "/pear"}
    site.put("/plum", "A blue plum, again.")
    sync(source)
    assert "/plum" in taken(source)


def test_a_page_is_not_gone_before_it_was_missed_for_some_days():
    frontier = Frontier(10)
    place = frontier.add("http://example.org/", 1)
    assert place
    for hour in range(48):
        place.missed(1_000 + hour * 3_600)
    missed = {"rounds": 3, "for_s": 2 * DAY_S}
    assert list(frontier.missing(**missed, now_s=1_000 + 47 * 3_600)) == []
    assert list(frontier.missing(**missed, now_s=1_000 + 2 * DAY_S)) == ["http://example.org/"]
    place.found()
    assert list(frontier.missing(**missed, now_s=1_000 + 9 * DAY_S)) == []


def test_deletions_that_wait_for_a_person_do_not_keep_changes_out(site, settings, monkeypatch):
    """Not even of a page that an earlier visit of the round has seen."""
    settings.DELETIONS_FEW = 1
    monkeypatch.setattr(crawl, "STRETCH", 2)
    orchard(site)
    source = source_of(site, delay_s=1)
    whole_round(source)
    site.gone |= {"/apple", "/plum"}
    assert whole_round(source).held == 2
    site.put("/", "Trees and bushes.", links=("/apple", "/pear"))
    assert whole_round(source).held == 2
    first = Reference.objects.get(source=source, external_id=site.address("/"))
    assert b"bushes" in payloads.get(first.seen_payload_id)
    assert gone(source) == 0
    assert whole_round(source, accept_deletions=True).gone == 2


@pytest.mark.parametrize("status", [500, 502, 408, 401, 403, 451])
def test_a_page_that_is_refused_keeps_neither_the_others_nor_itself_from_staying(site, status):
    orchard(site)
    sync(source := source_of(site, miss_rounds=1, miss_days=0))
    site.pages["/apple"].status = status
    site.put("/pear", "A ripe pear.", links=("/plum",))
    reports = []
    for _ in range(4):
        try:
            reports.append(sync(source, accept_deletions=True))
        except Transient as failure:
            assert (status >= 500, failure.reason) == (True, Reason.REMOTE_UNAVAILABLE)
    assert len(reports) >= 3  # the sync fails once, then it is known to be the page's own fault
    pear = Reference.objects.get(source=source, external_id=site.address("/pear"))
    assert b"ripe" in payloads.get(pear.seen_payload_id)
    assert len(taken(source)) == 4


def test_a_site_that_fails_is_left_alone_after_a_few_pages_and_retires_nothing(site):
    site.put("/", "All.", links=tuple(f"/p{n}" for n in range(20)))
    for n in range(20):
        site.put(f"/p{n}", f"Page {n}.")
    sync(source := source_of(site, miss_rounds=1, miss_days=0))
    site.asked()
    with site.peer.answering(lambda _: Answer(500, b"")):
        for _ in range(4):
            with pytest.raises(Transient):
                sync(source, accept_deletions=True)
    assert len(site.asked()) == 4 * crawl.DOWN
    assert len(taken(source)) == 21
    for _ in range(2):
        sync(source)
    assert (len(taken(source)), gone(source)) == (21, 0)


def test_a_site_that_asks_for_time_half_way_is_gone_on_with(site):
    orchard(site)
    source = source_of(site)
    busy = Answer(429, b"", {"Retry-After": "120"})
    with (
        site.peer.answering(lambda request: busy if request.path == "/pear" else None),
        pytest.raises(RateLimited) as failure,
    ):
        sync(source)
    assert (failure.value.reason, failure.value.retry_after) == (Reason.REMOTE_BUSY, timedelta(seconds=120))
    assert taken(source) == {"/", "/apple"}
    site.asked()
    assert sync(source).new == 2
    assert site.asked() == ["/pear", "/plum"]


def test_a_body_that_breaks_off_is_not_taken(site):
    orchard(site)
    sync(source := source_of(site))
    site.put("/pear", "A ripe pear, of which half is told.", headers={"Content-Length": "99999", "Connection": "close"})
    with pytest.raises(Transient):
        sync(source)
    pear = Reference.objects.get(source=source, external_id=site.address("/pear"))
    assert b"green" in payloads.get(pear.seen_payload_id)


def test_a_certificate_that_does_not_hold_pauses_the_source(site, tmp_path):
    peer = Peer(site.answer, self_signed(tmp_path))
    try:
        source = make_source(kind="web", options={"seeds": [peer.url], **NO_WAIT})
        with pytest.raises(Auth) as failure:
            sync(source)
    finally:
        peer.close()
    source.refresh_from_db()
    assert (failure.value.reason, source.paused, peer.asked) == (Reason.UNTRUSTED, True, [])


def test_a_site_inside_is_not_asked_and_the_source_says_why(site, settings):
    settings.WEB_NETWORKS = ()
    source = source_of(site)
    with pytest.raises(Failure) as failure:
        sync(source)
    assert (failure.value.reason, site.asked()) == (Reason.FORBIDDEN_ADDRESS, [])
    source.refresh_from_db()
    assert source.last_error.startswith("forbidden_address")


def test_a_reader_that_is_not_to_be_had_costs_no_page(site, monkeypatch):
    """What a page says cannot be told apart from its frame then: the bytes speak for it."""
    site.put("/", "Trees.")

    def broken(*_: object) -> None:
        raise Malformed(Reason.CORRUPT)

    monkeypatch.setattr(sandbox.SANDBOX, "parse", broken)
    assert sync(source_of(site)).new == 1


def test_check_says_how_it_goes_and_what_to_mend(site):
    site.put("/", "Trees.")
    assert Web([site.url]).check().endswith("answered 200; a request every 1 s, on average")
    for path, reason in [("/none", Reason.VANISHED), ("/away", Reason.VANISHED)]:
        site.put("/away", status=301, headers={"Location": "http://elsewhere.invalid/"})
        with pytest.raises(Gone) as failure:
            Web([site.url + path], **NO_WAIT).check()
        assert (failure.value.reason, bool(failure.value.detail)) == (reason, True)


@pytest.mark.parametrize(
    "options",
    [{"seeds": []}, {"seeds": ["example.org"]}, {"seeds": ["http://a.example/"], "pages": 0}, {"seeds": ["file:///a"]}],
)
def test_options_that_cannot_be_meant_are_refused(options):
    with pytest.raises(ValueError, match=r"seeds|pages|http"):
        Web(**options)


def test_a_cursor_of_as_many_pages_as_may_be_fits():
    frontier = Frontier(2_000, "scope")
    frontier.begin(0, 0)
    for n in range(2_000):
        place = frontier.add(f"https://www.example.org/{n * 7919 % 9973:x}/{n * 104729:x}/a-title-of-some-words", 3)
        assert place
        place.there({"etag": f'"{n * 15485863:x}{n * 32452843:x}"'}, 0)
    cursor = frontier.cursor()
    assert len(str(cursor)) < 64_000
    assert set(Frontier.of(cursor, 2_000, "scope").pages) == set(frontier.pages)
