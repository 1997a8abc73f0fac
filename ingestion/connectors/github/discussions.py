"""Discussions and what is said in them, which only GraphQL tells: from the last one that changed back to the known."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestion.connectors.github import markdown
from ingestion.connectors.github.api import Api
from ingestion.connectors.github.markdown import Row, Text
from ingestion.connectors.github.shelf import Shelf, content
from ingestion.ports import Checkpoint, Content, Cursor, Entry, ScopeComplete
from ledger.failures import Gone
from ledger.reasons import Reason

THREADS, COMMENTS = "discussions/", "discussion-comments/"
PAGE = "pageInfo { hasNextPage endCursor }"
SAID = "databaseId body url createdAt author { login }"
ANSWERS = f"""comments(first: 50, after: $comments) {{ {PAGE} nodes {{ id {SAID}
  replies(first: 50) {{ {PAGE} nodes {{ {SAID} }} }} }} }}"""
DISCUSSION = f"""number title body url createdAt updatedAt closed closedAt author {{ login }}
  category {{ name }} labels(first: 20) {{ nodes {{ name }} }} {ANSWERS}"""
ASKING = "$owner: String!, $name: String!"
LIST = f"""query({ASKING}, $after: String, $comments: String) {{ repository(owner: $owner, name: $name) {{
  discussions(first: 20, after: $after, orderBy: {{field: UPDATED_AT, direction: DESC}}) {{
    {PAGE} nodes {{ {DISCUSSION} }} }} }} }}"""
ONE = f"""query({ASKING}, $number: Int!, $comments: String) {{ repository(owner: $owner, name: $name) {{
  discussion(number: $number) {{ {DISCUSSION} }} }} }}"""
REPLIES = f"""query($id: ID!, $after: String) {{ node(id: $id) {{ ... on DiscussionComment {{
  replies(first: 100, after: $after) {{ {PAGE} nodes {{ {SAID} }} }} }} }} }}"""


class Discussions:
    """The part of a source that is below `discussions/` and `discussion-comments/`."""

    name = "discussions"
    prefixes: tuple[str, ...] = (THREADS, COMMENTS)

    def __init__(self, api: Api, reconcile: timedelta) -> None:
        self.api, self.reconcile = api, reconcile
        self.shelf = Shelf()

    def check(self) -> str:
        return "discussions"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        """Yield what changed since the newest that is known, and that one again: its moment may have had others.

        Paging goes back in time, so that a break goes on where it was: what changes meanwhile comes in front.
        """
        now = datetime.now(UTC)
        whole = cursor.get("whole", "")
        due = bool(whole) and now - datetime.fromisoformat(whole) >= self.reconcile
        since = "" if due else cursor.get("since", "")
        newest, after = (None, None) if due else (cursor.get("newest"), cursor.get("after"))
        told: dict[str, int] = dict.fromkeys(self.prefixes, 0)
        whole = now.isoformat() if due or not whole else whole
        while True:
            page = self.api.graphql(LIST, after=after)["discussions"]
            rows = [row for row in page["nodes"] if row["updatedAt"] >= since]
            for item in (self.shelf.put(text) for row in rows for text in self._texts(row)):
                told[item.external_id.partition("/")[0] + "/"] += 1
                yield item
            newest = newest or max((row["updatedAt"] for row in rows), default=since)
            after = page["pageInfo"]["endCursor"]
            if len(rows) < len(page["nodes"]) or not page["pageInfo"]["hasNextPage"]:
                break
            if not due:
                yield Checkpoint({"since": since, "newest": newest, "after": after, "whole": whole})
        if due:
            yield from (ScopeComplete(count, below=prefix) for prefix, count in told.items())
        yield Checkpoint({"since": newest, "whole": whole})

    def _texts(self, row: Row) -> Iterator[Text]:
        yield _thread(row)
        for said in self._said(row):
            yield _comment(said, row["number"])

    def _said(self, row: Row) -> Iterator[Row]:
        """Go through all comments of a discussion, each with its replies behind it."""
        comments = row["comments"]
        while True:
            for comment in comments["nodes"]:
                yield comment
                yield from self._replies(comment)
            if not comments["pageInfo"]["hasNextPage"]:
                return
            asked = {"number": row["number"], "comments": comments["pageInfo"]["endCursor"]}
            comments = (self.api.graphql(ONE, **asked)["discussion"] or {"comments": NONE})["comments"]

    def _replies(self, comment: Row) -> Iterator[Row]:
        replies = comment["replies"]
        while True:
            yield from replies["nodes"]
            if not replies["pageInfo"]["hasNextPage"]:
                return
            replies = self.api.graphql(REPLIES, id=comment["id"], after=replies["pageInfo"]["endCursor"])["replies"]

    def expect(self, names: Sequence[str]) -> None:
        """Nothing is gained: what was listed is at hand."""

    def read(self, name: str, *, limit_bytes: int) -> Content:
        if found := self.shelf.take(name, limit_bytes):
            return found
        row = self.api.graphql(ONE, number=int(name.split("/")[1]))["discussion"]
        for text in self._texts(row) if row else ():
            if text.name == name:
                return content(text, limit_bytes)
        raise Gone(Reason.VANISHED)


NONE: Mapping[str, Any] = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


def _thread(row: Row) -> Text:
    """As REST has threads, from what GraphQL tells."""
    labels = [label["name"] for label in row["labels"]["nodes"]]
    said = {
        **row,
        "state": "closed" if row["closed"] else "open",
        "user": row["author"],
        "labels": [*labels, row["category"]["name"]] if row.get("category") else labels,
        "created_at": row["createdAt"],
        "closed_at": row["closedAt"],
        "html_url": row["url"],
    }
    return markdown.thread(said, kind="discussion", prefix=THREADS)


def _comment(row: Row, number: int) -> Text:
    said = {"body": row["body"], "user": row["author"], "created_at": row["createdAt"], "html_url": row["url"]}
    return markdown.comment({**said, "id": row["databaseId"]}, prefix=f"{COMMENTS}{number}/", of=f"discussion {number}")
