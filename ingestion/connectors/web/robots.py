"""What a site asks of programs: robots.txt, RFC 9309."""

import time
from functools import lru_cache

from protego import Protego

from ingestion.connectors.web.addresses import origin
from ingestion.connectors.web.fetching import Fetcher
from ledger.failures import Malformed, RateLimited, Transient
from ledger.reasons import Reason

AGENT = "Sluicegate"
LIMIT_BYTES = 500 << 10  # §2.5: at least so much is read
KEPT_S = 3_600  # §2.4: no longer than a day
KEPT_SITES = 1_000
DELAY_MOST_S = 300
FOUND = 200

# By origin: what was said, and when.
KEPT: dict[str, tuple[float, Protego]] = {}


def rules(fetcher: Fetcher, host: str) -> Protego:
    """Return what the robots.txt of an origin says, asked for at most once an hour.

    Raises Transient where it cannot be had: then nothing may be read.
    """
    asked_at, found = KEPT.get(host, (float("-inf"), None))
    if found is None or time.monotonic() - asked_at > KEPT_S:
        found = _parsed(_ask(fetcher, f"{host}/robots.txt"))
        if len(KEPT) >= KEPT_SITES:
            KEPT.clear()
        KEPT[host] = (time.monotonic(), found)
    return found


def heed(fetcher: Fetcher, url: str) -> Protego:
    """Return the rules of the page's host; raises Malformed (ROBOTS) if they keep us from the page."""
    said = rules(fetcher, origin(url))
    if not said.can_fetch(url, AGENT):
        raise Malformed(Reason.ROBOTS, "robots.txt keeps programs from it")
    return said


def _ask(fetcher: Fetcher, url: str) -> str:
    try:
        answer = fetcher.get(url, limit_bytes=LIMIT_BYTES)
    except RateLimited:
        raise
    except Transient as failure:  # §2.3.1.4: 5xx and what is unreachable mean disallow all
        raise Transient(failure.reason, f"robots.txt: {failure.detail}; till it is there, nothing is read") from failure
    except Malformed as failure:
        if failure.reason == Reason.BAD_ANSWER:  # §2.3.1.2: sent on too often is as if there were none
            return ""
        raise
    # §2.3.1.3: 4xx means allow all
    return answer.body.decode("utf-8-sig", "replace") if answer.status == FOUND else ""


@lru_cache(maxsize=100)
def _parsed(said: str) -> Protego:
    return Protego.parse(said)


def delay_s(said: Protego) -> float:
    """Return the seconds that the site wants between two requests; 0 where it says nothing."""
    delay = said.crawl_delay(AGENT) or 0.0
    rate = said.request_rate(AGENT)
    between = rate.seconds / rate.requests if rate and rate.requests else 0.0
    return float(min(max(delay, between), DELAY_MOST_S))
