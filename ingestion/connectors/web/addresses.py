"""Addresses of pages: one spelling of each, and which belong to the site that is asked for."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode, urlsplit, urlunsplit

from ingestion.connectors.local_files import matches, patterns

# What tells where a reader came from, not which page it is.
TRACKING = re.compile(r"^(?:utm_\w+|gclid|fbclid|msclkid|mc_[ce]id|_ga|igshid)$", re.IGNORECASE)
PATH_SAFE = "/-._~!$&'()*+,;=:@"
PORTS = {"http": 80, "https": 443}
MOST_CHARS = 2_000


def plain(url: str) -> str:
    """Return the one spelling of an address; "" for what is no address of a page.

    RFC 3986 §6.2: scheme and host in lower case, no default port, no fragment, no dots, percent signs only where they
    are needed. Parameters that follow readers around are left out.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
        port = parts.port
    except (ValueError, UnicodeError):
        return ""
    scheme = parts.scheme.lower()
    if scheme not in PORTS or not host or parts.username or len(url) > MOST_CHARS:
        return ""
    host = f"[{host}]" if ":" in host else host
    netloc = host if port in (None, PORTS[scheme]) else f"{host}:{port}"
    path = quote(unquote_to_bytes(_kept(parts.path)), safe=PATH_SAFE + "%") or "/"
    asked = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not TRACKING.match(pair[0])]
    query = parts.query
    if len(asked) < len(parse_qsl(query, keep_blank_values=True)):
        query = urlencode(asked)
    query = quote(query, safe=PATH_SAFE + "?%")
    return urlunsplit((scheme, netloc, _undotted(path), query, ""))


def _kept(path: str) -> str:
    """Have what stands for a slash or a percent sign stand for it still: there it does not mean the same."""
    return re.sub(r"%(25|2[Ff])", lambda found: f"%25{found[1].upper()}", path)


def _undotted(path: str) -> str:
    """RFC 3986 §5.2.4."""
    if "/." not in path:
        return path
    kept: list[str] = []
    for step in path.split("/")[1:]:
        if step == "..":
            kept = kept[:-1]
        elif step != ".":
            kept.append(step)
    folder = path.endswith(("/.", "/..")) and bool(kept)
    return "/" + "/".join(kept) + ("/" if folder else "")


class Site:
    """What belongs to the source: addresses below one of `within`, by default all of the hosts of the seeds.

    http and https, and a host with and without `www.`, are one. `include` and `exclude` are shell patterns over the
    path.
    """

    def __init__(
        self, seeds: Sequence[str], within: Sequence[str], include: Sequence[str], exclude: Sequence[str]
    ) -> None:
        origins = [urlunsplit((*urlsplit(seed)[:2], "/", "", "")) for seed in seeds]
        self.below = [_place(each) for each in (within or origins)]
        self.include, self.exclude = patterns(include), patterns(exclude)

    def __contains__(self, url: object) -> bool:
        if not isinstance(url, str) or not url:
            return False
        host, path = _place(url)
        if not any(host == own and f"{path}/".startswith(f"{prefix.rstrip('/')}/") for own, prefix in self.below):
            return False
        steps = path.strip("/").split("/")
        return not any(matches(self.exclude, "/".join(steps[: n + 1])) for n in range(len(steps)))

    def listed(self, url: str) -> bool:
        """Whether the page is an item, and not only looked at for its links."""
        return url in self and (not self.include or matches(self.include, _place(url)[1].lstrip("/")))


def _place(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc.removeprefix("www."), parts.path


def origin(url: str) -> str:
    return urlunsplit((*urlsplit(url)[:2], "", "", ""))
