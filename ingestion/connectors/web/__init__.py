"""web: the pages of a site, from seeds and sitemaps."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from django.conf import settings

from ingestion.connectors.guard import Guard
from ingestion.connectors.spool import Spool
from ingestion.connectors.web import robots
from ingestion.connectors.web.addresses import Site, origin, plain
from ingestion.connectors.web.crawl import Bounds, Crawl
from ingestion.connectors.web.fetching import Answer, Fetcher
from ingestion.connectors.web.frontier import Frontier
from ingestion.ports import Content, Cursor, Entry
from ledger.failures import Gone, Malformed, Transient
from ledger.reasons import Reason

PAGES_MOST = 2_000  # what a cursor can hold
MISSING = frozenset({404, 410})
ERROR = 400


class Web:
    """Lists and reads the pages of a site: what its seeds and sitemaps lead to. Runs no script.

    `within` are the addresses below which a page belongs to the source, by default the hosts of the seeds; `include`
    and `exclude` are shell patterns over the path. robots.txt is heeded. What is not public on the network is not
    asked, unless it is in one of the networks that the installation allows.
    """

    kind = "web"

    def __init__(
        self,
        seeds: Sequence[str],
        *,
        sitemaps: Sequence[str] = (),
        within: Sequence[str] = (),
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        depth: int = 5,
        pages: int = 500,
        delay_s: float = 1.0,
        miss_rounds: int = 3,
        miss_days: float = 2.0,
        recheck_days: float = 7.0,
    ) -> None:
        self.seeds, self.sitemaps = [_address(seed) for seed in seeds], [_address(each) for each in sitemaps]
        if not self.seeds and not self.sitemaps:
            raise ValueError("seeds: give the address of a page to begin with")
        if not 1 <= pages <= PAGES_MOST:
            raise ValueError(f"pages: between 1 and {PAGES_MOST}")
        if min(depth, delay_s, miss_rounds, miss_days, recheck_days) < 0:
            raise ValueError("depth, delay_s, miss_rounds, miss_days and recheck_days: none of them below 0")
        self.site = Site([*self.seeds, *self.sitemaps], [_address(each) for each in within], include, exclude)
        self.scope = _digest(self.seeds, self.sitemaps, within, include, exclude, depth, pages)
        self.bounds = Bounds(delay_s, depth, pages, miss_rounds, miss_days, recheck_days)
        self.fetcher = Fetcher(Guard(settings.WEB_NETWORKS))
        self.spool = Spool()

    def check(self) -> str:
        begin = (self.seeds or self.sitemaps)[0]
        answer = self._get(begin, settings.SIZE_LIMIT_BYTES)
        wanted_s = robots.delay_s(robots.rules(self.fetcher, origin(begin)))
        pace = f"a request every {max(wanted_s, self.bounds.delay_s):g} s, {'exactly' if wanted_s else 'on average'}"
        return f"{urlsplit(answer.url).netloc} answered {answer.status}; {pace}"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        frontier = Frontier.of(cursor, self.bounds.pages, self.scope)
        crawl = Crawl(self.site, self.fetcher, self.spool, frontier, self.bounds)
        yield from crawl.entries(self.seeds, self.sitemaps)

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        """Return the page as it was listed, or as it is now."""
        if (kept := self.spool.take(external_id)) is not None:
            media_type, _, data = kept.partition(b"\n")
            if len(data) > limit_bytes:
                raise Malformed(Reason.TOO_LARGE)
            return Content(data, media_type.decode(), {"url": external_id})
        answer = self._get(external_id, limit_bytes)
        if not answer.whole:
            raise Malformed(Reason.TOO_LARGE)
        return Content(answer.body, answer.media_type, {"url": external_id})

    def _get(self, url: str, limit_bytes: int) -> Answer:
        """Return the page, if robots may read it. Raises what its status stands for."""
        robots.heed(self.fetcher, url)
        answer = self.fetcher.get(url, limit_bytes=limit_bytes, wanted=lambda target: plain(target) in self.site)
        if answer.leads_to:
            raise Gone(Reason.VANISHED, f"it leads out of the site, to {urlsplit(answer.leads_to).netloc}")
        if answer.status in MISSING:
            raise Gone(Reason.VANISHED, "the page is not there any more")
        if answer.status >= ERROR:
            raise Transient(Reason.REMOTE_UNAVAILABLE, f"answered {answer.status}")
        return answer


def _address(given: str) -> str:
    found = plain(given)
    if not found:
        raise ValueError(f"{given[:100]!r} is no address of a page: it begins with http:// or https://")
    return found


def _digest(*options: object) -> str:
    return hashlib.sha256(json.dumps(options, default=list).encode()).hexdigest()[:12]
