"""Threads and what is said in them as Markdown: a header that the extractor reads, then the words as they were written.

What changes without the words changing (when it was updated, how many answered) is left out, so that it makes no work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Row = Mapping[str, Any]
NOBODY = "ghost"  # as GitHub calls who deleted their account


@dataclass(frozen=True)
class Text:
    """One item: its name, its bytes, and what the source says of it."""

    name: str
    data: bytes
    metadata: Mapping[str, str]


def thread(row: Row, *, kind: str, prefix: str) -> Text:
    """An issue, a pull request or a discussion, as REST has it."""
    pull = row.get("pull_request") or {}
    header = {
        "title": row["title"],
        "kind": kind,
        "number": row["number"],
        "state": "merged" if pull.get("merged_at") else row.get("state"),
        "author": login(row.get("user")),
        "assignees": [login(user) for user in row.get("assignees") or []],
        "tags": [label["name"] if isinstance(label, dict) else label for label in row.get("labels") or []],
        "milestone": (row.get("milestone") or {}).get("title"),
        "created": day(row.get("created_at")),
        "merged": day(pull.get("merged_at")),
        "closed": day(row.get("closed_at")),
    }
    told = {"title": row["title"], "url": row["html_url"], "author": login(row.get("user"))}
    return Text(f"{prefix}{row['number']}", document(header, f"# {row['title']}\n\n{row.get('body') or ''}"), told)


def comment(row: Row, *, prefix: str, of: str) -> Text:
    """What was said in the thread `of`, such as "issue 12"."""
    header = {
        "kind": "comment",
        "on": of,
        "author": login(row.get("user")),
        "created": day(row.get("created_at")),
        "file": row.get("path"),
    }
    told = {"thread": of, "url": row["html_url"], "author": login(row.get("user"))}
    return Text(f"{prefix}{row['id']}", document(header, row.get("body") or ""), told)


def document(header: Mapping[str, Any], body: str) -> bytes:
    front = "".join(f"{key}: {_yaml(value)}\n" for key, value in header.items() if value not in (None, "", []))
    body = body.replace("\r\n", "\n").strip()
    return f"---\n{front}---\n\n{body}\n".encode("utf-8", "replace")


def _yaml(value: Any) -> str:
    """One line of YAML: a list stands in brackets."""
    written: str = yaml.safe_dump(value, allow_unicode=True, width=2**20, default_flow_style=True)
    return written.strip().removesuffix("...").strip()


def login(user: Row | None) -> str:
    return str((user or {}).get("login") or NOBODY)


def day(stamp: str | None) -> str | None:
    return stamp[:10] if stamp else None
