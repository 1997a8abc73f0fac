"""Issues, pull requests and what is said in them: by the time of their last change, from the one that was seen last.

Each list is asked for as it was asked for last, so that a list without a change is answered with 304. Its lower bound
is inclusive and a second early, and moves to the last item of each full page: an item that changes while we turn pages
comes up again further on, and none slips over the edge between two pages. What comes again has an equal signature.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.connectors.github import markdown
from ingestion.connectors.github.api import DISABLED, Answer, Api
from ingestion.connectors.github.markdown import Row, Text
from ingestion.connectors.github.shelf import Shelf, content
from ingestion.ports import Checkpoint, Content, Cursor, Entry, Listed, ScopeComplete
from ledger.failures import Gone
from ledger.reasons import Reason

STAMP = "%Y-%m-%dT%H:%M:%SZ"
EARLY = timedelta(seconds=1)
PAGE = 100  # the most that GitHub gives


@dataclass(frozen=True)
class Kind:
    """One list of the REST interface, and the items that its rows are."""

    path: str
    prefixes: tuple[str, ...]
    text: Callable[[Row], Text]


ISSUES = Kind(
    "issues",
    ("issues/", "pulls/"),
    lambda row: (
        markdown.thread(row, kind="pull request", prefix="pulls/")
        if "pull_request" in row
        else markdown.thread(row, kind="issue", prefix="issues/")
    ),
)
COMMENTS = Kind(
    "issues/comments",
    ("issue-comments/", "pull-comments/"),
    lambda row: (
        markdown.comment(row, prefix="pull-comments/", of=f"pull request {number(row)}")
        if "/pull/" in row["html_url"]
        else markdown.comment(row, prefix="issue-comments/", of=f"issue {number(row)}")
    ),
)
REVIEWS = Kind(
    "pulls/comments",
    ("review-comments/",),
    lambda row: markdown.comment(row, prefix="review-comments/", of=f"pull request {number(row)}"),
)


def number(row: Row) -> str:
    """The number of the thread that the words are in."""
    return str(row.get("issue_url") or row.get("pull_request_url") or "").rpartition("/")[2]


class Threads:
    """The items of one list. `wanted` are those of its prefixes that the source asks for."""

    def __init__(self, api: Api, kind: Kind, wanted: Collection[str], reconcile: timedelta) -> None:
        self.api, self.kind, self.reconcile = api, kind, reconcile
        self.name = kind.path.replace("/", "-")
        self.prefixes = tuple(prefix for prefix in kind.prefixes if prefix in wanted)
        self.shelf = Shelf()

    def check(self) -> str:
        return " and ".join(prefix.rstrip("/").replace("-", " ") for prefix in self.prefixes)

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        now = datetime.now(UTC)
        whole = cursor.get("whole", "")
        if not whole or now - datetime.fromisoformat(whole) >= self.reconcile:
            yield from self._all(now, first=not whole)
        else:
            yield from self._changes(cursor)

    def _all(self, now: datetime, *, first: bool) -> Iterator[Entry]:
        """List everything: what is not named any more was deleted, of which no change tells.

        The first time nothing can be gone, so that what was listed need not be listed again after a break.
        """
        named: set[str] = set()
        cursor: dict[str, Any] | None = None
        for page, cursor in self._pages({}):
            named.update(item.external_id for item in page)
            yield from page
            if first:
                yield Checkpoint({**cursor, "whole": now.isoformat()})
        if cursor is None:  # the repository has its list switched off: nothing is known of what was on it
            return
        for prefix in self.prefixes:
            yield ScopeComplete(sum(name.startswith(prefix) for name in named), below=prefix)
        yield Checkpoint({**cursor, "whole": now.isoformat()})

    def _changes(self, cursor: Cursor) -> Iterator[Entry]:
        for page, reached in self._pages(cursor):
            yield from page
            yield Checkpoint({**reached, "whole": cursor["whole"]})

    def _pages(self, cursor: Cursor) -> Iterator[tuple[Sequence[Listed], dict[str, Any]]]:
        """Yield each page's items and the cursor behind them: to ask as for the last page, with its entity tag."""
        since, url, before = cursor.get("since", ""), "", set[Listed]()
        etag = cursor.get("etag", "") if cursor.get("key") == self.api.fingerprint() else ""
        while (answer := self._ask(since, url, etag)).status != DISABLED:
            if answer.unchanged:
                yield (), {key: cursor[key] for key in ("since", "etag", "key") if key in cursor}
                return
            found = [self.shelf.put(text) for row in answer.data if (text := self._wanted(row))]
            items = [item for item in found if item not in before]  # the last of a page is the first of the next
            later = _early(answer.data[-1]["updated_at"]) if answer.data else since
            if not answer.next and (len(answer.data) < PAGE or later <= since):
                # What comes behind a full page does not change it: the tag of one would hide that.
                tag = answer.etag if not url and len(answer.data) < PAGE else ""
                yield items, {"since": since, "etag": tag, "key": self.api.fingerprint()}
                return
            etag, before = "", set(found)
            since, url = (later, "") if later > since else (since, answer.next)  # a page of one moment has a next page
            yield items, {"since": since}

    def _ask(self, since: str, url: str, etag: str) -> Answer:
        if url:
            return self.api.get(url)
        wanted: dict[str, Any] = {"sort": "updated", "direction": "asc", "per_page": PAGE}
        if self.kind is ISSUES:
            wanted["state"] = "all"
        if since:
            wanted["since"] = since
        return self.api.get(self.kind.path, etag=etag, allowed=(DISABLED,), **wanted)

    def _wanted(self, row: Row) -> Text | None:
        text = self.kind.text(row)
        return text if text.name.startswith(self.prefixes) else None

    def expect(self, names: Sequence[str]) -> None:
        """Nothing is gained: what was listed is at hand."""

    def read(self, name: str, *, limit_bytes: int) -> Content:
        if found := self.shelf.take(name, limit_bytes):
            return found
        row = self.api.get(f"{self.kind.path}/{name.rpartition('/')[2]}").data
        text = self.kind.text(row)
        if text.name != name:  # GitHub leads on to where a thread was moved
            raise Gone(Reason.VANISHED, "it was moved to another repository")
        return content(text, limit_bytes)


def _early(stamp: str) -> str:
    return (datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) - EARLY).strftime(STAMP)
