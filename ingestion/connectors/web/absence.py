"""How a site looks where it has nothing: many answer 200 with a page that says so. An invented address tells."""

import hashlib
import re
import secrets
from urllib.parse import unquote, urljoin, urlsplit

from ingestion.connectors.web.addresses import plain

WORD = re.compile(r"[^\W\d_]+")
SLUG_CHARS = 4  # a shorter one may be any word


def invented(url: str) -> str:
    """Return an address beside a page that nobody can have a page at."""
    return plain(urljoin(url, f"sluicegate-asks-{secrets.token_hex(8)}"))


def look(said: str, url: str) -> str:
    """Return what tells one text from another, whatever it says of its own address and in numbers; "" for no words."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    slug = path.rstrip("/").rpartition("/")[2]
    own = {url, parts.path, path, *({slug} if len(slug) >= SLUG_CHARS else ())} - {"/", ""}
    for part in sorted(own, key=len, reverse=True):
        said = said.replace(part, " ")
    words = " ".join(WORD.findall(said.casefold()))
    return hashlib.sha256(words.encode()).hexdigest()[:16] if words else ""
