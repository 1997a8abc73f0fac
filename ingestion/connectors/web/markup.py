"""Where a page leads, and what it says of itself to programs."""

import gzip
import io
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from ingestion.connectors.web.addresses import plain
from ingestion.reading import decoding

LINKS_MOST = 20_000
DAY = re.compile(r"\d{4}-\d\d-\d\d[\dTZ:.+-]{0,24}")  # of W3C's date and time formats those that name a day
SITEMAP_BYTES = 50 << 20  # by the protocol of sitemaps.org


@dataclass
class Head:
    """What is of interest to a crawl. Stays as it is while markup is fed to it."""

    base: str
    links: list[str] = field(default_factory=list)
    canonical: str = ""
    said: set[str] = field(default_factory=set)  # to robots

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        target = attributes.get("href") or (attributes.get("src", "") if tag in ("iframe", "frame") else "")
        if tag == "base" and target:
            self.base = urljoin(self.base, target)
        elif tag in ("a", "area", "iframe", "frame") and len(self.links) < LINKS_MOST:
            self.links.append(target)
        elif tag == "link" and "canonical" in attributes.get("rel", "").lower().split():
            self.canonical = target
        elif tag == "meta" and attributes.get("name", "").lower() in ("robots", "sluicegate"):
            self.said |= directives(attributes.get("content", ""))

    def end(self, tag: str) -> None:
        """Nothing ends: a page is looked at, not understood."""

    def data(self, text: str) -> None:
        """Its words are read by the reading stage."""

    def close(self) -> "Head":
        return self


def head_of(data: bytes, url: str, media_type: str, said: str = "") -> Head:
    """Look through a web page; `said` is what its headers tell robots. Keeps no tree, whatever the depth."""
    text, _ = decoding.decode(data, decoding.parameter(media_type) or decoding.charset(data))
    head = Head(url, said=directives(said))
    parser = etree.HTMLParser(target=head, encoding="utf-8", huge_tree=True, recover=True)
    with suppress(etree.XMLSyntaxError):  # no element in it
        etree.fromstring(text.encode(), parser)
    return head


def addresses(head: Head) -> list[str]:
    """Return the addresses that the page leads to, each once, in their one spelling."""
    if head.said & {"nofollow", "none"}:
        return []
    return list(dict.fromkeys(filter(None, (_joined(head.base, link) for link in head.links))))


def canonical(head: Head) -> str:
    """Return the address that the page gives as its own, "" for none."""
    return _joined(head.base, head.canonical) if head.canonical else ""


def hidden(head: Head) -> bool:
    """Whether the page asks not to be taken in."""
    return bool(head.said & {"noindex", "none"})


def directives(said: str) -> set[str]:
    """Return what is said to all robots, or to us: "otherbot: noindex" is for another."""
    return {each.strip().removeprefix("sluicegate:").strip() for each in said.lower().split(",")}


def _joined(base: str, link: str) -> str:
    try:
        return plain(urljoin(base, link))
    except ValueError:
        return ""


@dataclass(frozen=True)
class Sitemap:
    """The pages and the further sitemaps that one names; of pages, when it says that they changed last."""

    pages: Sequence[str] = ()
    further: Sequence[str] = ()
    changed: Mapping[str, str] = field(default_factory=dict)


def sitemap(data: bytes) -> Sitemap:
    """Read a sitemap, packed or not; what is broken ends it."""
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(SITEMAP_BYTES)
        except (OSError, EOFError):
            return Sitemap()
    if data.lstrip()[:1] != b"<":  # a plain list is a sitemap too
        return Sitemap([found for line in data.decode("utf-8", "replace").split() if (found := plain(line))])
    named: dict[str, list[str]] = {"url": [], "sitemap": []}
    changed: dict[str, str] = {}
    url = moment = ""
    # no entity is resolved, nothing else is loaded
    reading = etree.iterparse(io.BytesIO(data), resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    with suppress(etree.XMLSyntaxError):
        for _, element in reading:
            name, parent = _name(element), _name(element.getparent())
            if name == "loc" and parent in named and (url := plain(element.text or "")):
                named[parent].append(url)
            elif name == "lastmod" and parent == "url" and (day := DAY.match((element.text or "").strip())):
                moment = day[0]
            elif name in named:
                changed |= {url: moment} if url and moment else {}
                url = moment = ""
                element.clear()
    return Sitemap(named["url"], named["sitemap"], changed)


def _name(element: Any) -> str:
    """The name of an element without its namespace; "" for a comment, or none."""
    tag = getattr(element, "tag", None)
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
