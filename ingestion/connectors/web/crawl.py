"""One visit to a site: a stretch of the round through its pages, as long as the site's pace allows."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from ingestion import reading
from ingestion.connectors.spool import Spool
from ingestion.connectors.web import absence, markup, robots
from ingestion.connectors.web.addresses import Site, origin, plain
from ingestion.connectors.web.fetching import Answer, Fetcher
from ingestion.connectors.web.frontier import Frontier, Place
from ingestion.ports import Checkpoint, Entry, Listed, Signs, Tombstone, Unlisted
from ingestion.reading.kinds import DOCX, HTML, MARKDOWN, PDF, PLAIN, looks_like_html
from ledger.failures import Auth, Malformed, RateLimited, Transient
from ledger.reasons import Reason

SITEMAP, SEED = -1, 0
DOWN = 3  # failures one after the other, before a host is left alone until the next visit
STRETCH = 20  # pages one after the other, where the site names no delay
FOUND, UNCHANGED, MISSING, GONE, ERROR = 200, 304, 404, 410, 400
DAY_S = 86_400
KINDS = (HTML, "application/xhtml+xml", PLAIN, MARKDOWN, PDF, DOCX)


@dataclass(frozen=True)
class Bounds:
    """How far and how fast a site is gone through: `delay_s` between two requests, where it does not want more.

    A page is taken for gone when it was missed in so many rounds, over so many days. Every `recheck_days` all of them
    are asked for, whatever the sitemaps say.
    """

    delay_s: float
    depth: int
    pages: int
    miss_rounds: int
    miss_days: float
    recheck_days: float


class Crawl:
    """Visits what is left of the round, nearest to the seeds first. Neither waits nor tries again."""

    def __init__(self, site: Site, fetcher: Fetcher, spool: Spool, frontier: Frontier, bounds: Bounds) -> None:
        self.site, self.fetcher, self.spool, self.frontier, self.bounds = site, fetcher, spool, frontier, bounds
        self.failed: Transient | None = None
        self.failures: dict[str, int] = {}  # by origin, one after the other
        self.asked = 0
        self.tried: set[str] = set()  # hosts that were asked for what they cannot have
        self.read: tuple[Answer | None, str] = (None, "")  # what was read last
        self.now_s = int(time.time())

    def entries(self, seeds: Sequence[str], sitemaps: Sequence[str]) -> Iterator[Entry]:
        """Yield what is found, then how far it went. Raises RateLimited where the rest must wait, Transient where some
        of it could not be had; the round is over when it raises neither.
        """
        if not self.frontier.open:
            self._begin(seeds, sitemaps)
        try:
            for url in self.frontier.todo():
                yield from self._visit(url)
        except (RateLimited, Auth):
            yield Checkpoint(self.frontier.cursor())
            raise
        if self.failed:
            yield Checkpoint(self.frontier.cursor())
            raise self.failed
        if self.frontier.full:
            yield Unlisted(next(iter(seeds or sitemaps)), Reason.PAGE_LIMIT)
        missing = self.frontier.missing(
            rounds=self.bounds.miss_rounds, for_s=self.bounds.miss_days * DAY_S, now_s=self.now_s
        )
        yield from [Tombstone(url, again=True) for url in missing]
        self.frontier.end(self.now_s)
        yield Checkpoint(self.frontier.cursor())

    def _begin(self, seeds: Sequence[str], sitemaps: Sequence[str]) -> None:
        self.frontier.begin(self.now_s, self.bounds.recheck_days * DAY_S)
        for url in seeds:
            self.frontier.add(url, SEED)
        for url in (*sitemaps, *self._told_of(seeds)):
            self.frontier.add(url, SITEMAP)

    def _told_of(self, seeds: Sequence[str]) -> Iterator[str]:
        """The sitemaps that robots.txt names. A host that does not answer keeps none of the others waiting."""
        for host in dict.fromkeys(map(origin, seeds)):
            try:
                yield from filter(None, map(plain, robots.rules(self.fetcher, host).sitemaps))
            except RateLimited:
                raise
            except Transient as failure:
                self.failed = failure

    def _visit(self, url: str) -> Iterator[Entry]:
        host, place = origin(url), self.frontier.pages[url]
        if place.depth > SEED and url not in self.site:  # the options leave it out by now
            place.missed(self.now_s, gone=True)
            return
        if self.failures.get(host, 0) >= DOWN:
            return
        try:
            if place.depth > SEED and host not in self.tried and self.frontier.absent.get(host, "?") == "?":
                self._learn_absence(host, url)
            if self.failures.get(host, 0) < DOWN and self._allowed(url):
                answer = self._ask(url, place)
                self.failures[host] = 0
                yield from self._understand(url, place, answer)
        except RateLimited:
            raise
        except Transient as failure:
            yield from self._put_off(url, place, failure)
        except Malformed as failure:
            place.done = True
            yield Unlisted(url, failure.reason)

    def _learn_absence(self, host: str, url: str) -> None:
        """Ask the host once for a page that it cannot have, before the first one that is not a seed.

        One that does not answer is asked again by the next visit, and then taken at its word. Raises RateLimited.
        """
        nowhere, again = absence.invented(url), host in self.frontier.absent
        self.tried.add(host)
        try:
            if self._allowed(nowhere):
                self.frontier.absent[host] = ""
                self.frontier.absent[host] = self._looks(nowhere)
        except RateLimited:
            raise
        except Transient as failure:
            if not again:
                self.frontier.absent[host], self.failed = "?", failure
        except Malformed:  # robots.txt keeps us from it, or it cannot be read
            self.frontier.absent[host] = ""

    def _looks(self, nowhere: str) -> str:
        """How what cannot be there is answered; "" if by the status, or by sending us elsewhere."""
        answer = self._ask(nowhere, Place(SEED))
        if answer.status != FOUND or plain(answer.url) != nowhere or not _is_markup(answer):
            return ""
        return absence.look(self._said(nowhere, answer), nowhere)

    def _allowed(self, url: str) -> bool:
        """Whether the page may be asked for now. Where its host's rules are not to be had it waits for the host.

        Raises RateLimited where it would be too early, Malformed (ROBOTS) where it may never be.
        """
        try:
            wanted_s = robots.delay_s(robots.heed(self.fetcher, url))
        except RateLimited:
            raise
        except Transient as failure:  # not the page's fault
            self.failures[origin(url)], self.failed = DOWN, failure
            return False
        self._keep_pace(wanted_s)
        return True

    def _keep_pace(self, wanted_s: float) -> None:
        """End the visit where the next request would come too early: the site's delay is between any two."""
        delay_s = max(wanted_s, self.bounds.delay_s)
        stretch = 1 if wanted_s else STRETCH
        if delay_s and self.asked >= stretch:
            raise RateLimited(Reason.VISIT_OVER, retry_after=timedelta(seconds=delay_s * self.asked))
        self.asked += 1

    def _put_off(self, url: str, place: Place, failure: Transient) -> Iterator[Entry]:
        """Leave the page for the next visit; after that, for the next round. One bad page is not a bad site."""
        host = origin(url)
        self.failures[host] = self.failures.get(host, 0) + 1
        if given_up := place.failed():
            yield Unlisted(url, failure.reason)
        if not given_up or place.depth <= SEED or self.failures[host] >= DOWN:
            self.failed = failure

    def _ask(self, url: str, place: Place) -> Answer:
        return self.fetcher.get(
            url,
            limit_bytes=settings.SIZE_LIMIT_BYTES,
            headers=place.conditions,
            wanted=lambda target: self._may_follow(plain(target)),
            readable=lambda media_type: place.depth == SITEMAP or _is_read(media_type),
        )

    def _may_follow(self, target: str) -> bool:
        """Whether a redirect stays in the site. Raises Malformed (ROBOTS) where it leads to what we may not read."""
        return target in self.site and bool(robots.heed(self.fetcher, target))

    def _understand(self, url: str, place: Place, answer: Answer) -> Iterator[Entry]:
        found = plain(answer.url)
        if answer.status == UNCHANGED:
            place.same(self.now_s)
        elif answer.status in (MISSING, GONE) or answer.leads_to:
            place.missed(self.now_s, gone=answer.status == GONE)
            yield Unlisted(url, Reason.VANISHED)
        elif answer.status >= ERROR:
            place.done = True
            yield Unlisted(url, Reason.KEY_REFUSED)
        elif place.depth == SITEMAP:
            place.there(answer.headers, self.now_s)
            self._follow_sitemap(place, answer)
        elif found == url:
            yield from self._page(url, place, answer)
        else:  # the address leads to another, which is the page's own
            place.missed(self.now_s)
            other = self.frontier.add(found, place.depth)
            if other and (other.missing_since or not other.done):
                yield from self._page(found, other, answer, sent_by=url)

    def _follow_sitemap(self, place: Place, answer: Answer) -> None:
        told = markup.sitemap(answer.body)
        if told.changed:  # what it says stands for asking its pages: it is read anew in each round
            place.validator = ""
        for url in told.further:
            if url in self.site:
                self.frontier.add(url, SITEMAP)
        for url in told.pages:
            page = self.frontier.add(url, SEED + 1) if url in self.site else None
            if page and page.depth > SEED:
                page.claimed(told.changed.get(url, ""), believed=not self.frontier.whole)

    def _page(self, url: str, place: Place, answer: Answer, sent_by: str = "") -> Iterator[Entry]:
        if not _is_read(answer.media_type):
            place.there(answer.headers, self.now_s)
            yield Unlisted(url, Reason.UNSUPPORTED_TYPE)
        elif not answer.whole:
            place.there(answer.headers, self.now_s)
            yield Listed(url, f"{len(answer.body)}+", len(answer.body) + 1, answer.media_type)
        elif place.depth > SEED and self._is_absence(url, answer):
            place.missed(self.now_s)
            yield Unlisted(url, Reason.NOT_FOUND_PAGE)
        elif _is_markup(answer) and (why := self._leads_on(url, place, answer, sent_by)) is not None:
            place.missed(self.now_s)
            yield from why
        elif self.site.listed(url):
            place.there(answer.headers, self.now_s)
            yield self._listed(url, answer)
        else:
            place.missed(self.now_s, gone=True)  # it may have been an item by other options

    def _leads_on(self, url: str, place: Place, answer: Answer, sent_by: str) -> Sequence[Entry] | None:
        """Follow the page's links; None for one that is an item, else what is said of it."""
        head = markup.head_of(answer.body, answer.url, answer.media_type, answer.headers.get("x-robots-tag", ""))
        own = markup.canonical(head)
        self._follow(markup.addresses(head), place.depth + 1)
        if own != sent_by and _is_variant(own, url) and own in self.site and self.frontier.add(own, place.depth):
            return ()  # the page is listed by the address that it calls its own
        return (Unlisted(url, Reason.ROBOTS),) if markup.hidden(head) else None

    def _follow(self, urls: Sequence[str], depth: int) -> None:
        if depth <= self.bounds.depth:
            for url in urls:
                if url in self.site:
                    self.frontier.add(url, depth)

    def _is_absence(self, url: str, answer: Answer) -> bool:
        """Whether the page is what its host answers with where it has none."""
        known = self.frontier.absent.get(origin(url), "")
        return len(known) > 1 and _is_markup(answer) and absence.look(self._said(url, answer), url) == known

    def _listed(self, url: str, answer: Answer) -> Listed:
        """Sign the page by its text: what else is in a page changes with every answer."""
        said = self._said(url, answer).encode() or answer.body  # it is taken in, and fails where all can see why
        self.spool.put(url, answer.media_type.encode() + b"\n" + answer.body)
        return Listed(url, hashlib.sha256(said).hexdigest(), len(answer.body), answer.media_type, Signs.STRONG)

    def _said(self, url: str, answer: Answer) -> str:
        """The page's title and text; "" for one that cannot be read."""
        if self.read[0] is not answer:
            try:
                document = reading.read(answer.body, url, answer.media_type)
                self.read = (answer, f"{document.title}\n{document.text}")
            except Malformed:
                self.read = (answer, "")
        return self.read[1]


def _is_read(media_type: str) -> bool:
    """Whether there is a reader for it; what does not say what it is may be."""
    plain_type = media_type.partition(";")[0].strip().lower()
    return not plain_type or plain_type in KINDS


def _is_markup(answer: Answer) -> bool:
    return "html" in answer.media_type.lower() or (not answer.media_type and looks_like_html(answer.body))


def _is_variant(own: str, url: str) -> bool:
    """Whether an address is another spelling of the page: of its scheme, query or last slash. More is not believed.

    Many a site calls its first page the own address of all.
    """
    if not own or own == url:
        return False
    mine, other = (each.partition("://")[2].partition("?")[0].rstrip("/").removeprefix("www.") for each in (own, url))
    return mine == other
