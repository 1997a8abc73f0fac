"""Where a page leads, and what it says of itself to programs."""

import gzip
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import etree

from ingestion.connectors.web.addresses import plain
from ingestion.reading import decoding

LINKS_MOST = 20_000
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


def sitemap(data: bytes) -> tuple[Sequence[str], Sequence[str]]:
    """Return the pages and the further sitemaps that a sitemap names, packed or not; what is broken ends it."""
    if data.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(SITEMAP_BYTES)
        except (OSError, EOFError):
            return (), ()
    if data.lstrip()[:1] != b"<":  # a plain list is a sitemap too
        return [found for line in data.decode("utf-8", "replace").split() if (found := plain(line))], ()
    named: dict[str, list[str]] = {"url": [], "sitemap": []}
    # no entity is resolved, nothing else is loaded
    reading = etree.iterparse(io.BytesIO(data), resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    with suppress(etree.XMLSyntaxError):
        for _, element in reading:
            parent = element.getparent()
            if _name(element) == "loc" and _name(parent) in named and (url := plain(element.text or "")):
                named[_name(parent)].append(url)
            elif _name(element) in named:
                element.clear()
    return named["url"], named["sitemap"]


def _name(element: Any) -> str:
    """The name of an element without its namespace; "" for a comment, or none."""
    tag = getattr(element, "tag", None)
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
