"""The files of a repository, by its trees: one request tells what there is, and a blob's name proves its bytes."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ingestion.connectors.github.api import CONFLICT, SHA, Api
from ingestion.connectors.github.blobs import Blob, Blobs
from ingestion.connectors.local_files import escape, matches, patterns, unescape
from ingestion.ports import Checkpoint, Content, Cursor, Entry, Listed, ScopeComplete, Signs, Unlisted
from ledger.reasons import Reason

LINK, SUBMODULE = "120000", "160000"


@dataclass(frozen=True)
class Entered:
    """One entry of a tree, as git has it; `path` is escaped, and whole."""

    path: str
    mode: str
    sha: str
    size_bytes: int = 0


class Wanted:
    """Which paths are asked for: as of a folder, a pattern with a slash is for the path, else for the name."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], *, hidden: bool) -> None:
        self.include, self.exclude, self.hidden = patterns(include), patterns(exclude), hidden
        asked = json.dumps([list(include), list(exclude), hidden])
        self.digest = hashlib.sha256(asked.encode()).hexdigest()[:12]

    def __call__(self, path: str) -> bool:
        steps = path.split("/")
        if not self.hidden and any(step.startswith(".") for step in steps):
            return False
        if any(matches(self.exclude, "/".join(steps[: n + 1])) for n in range(len(steps))):
            return False
        return not self.include or matches(self.include, path)


def entries(found: Iterator[Entered], prefix: str, wanted: Wanted) -> Iterator[Listed | Unlisted]:
    """Name what a tree has; links and submodules are no files."""
    for entry in found:
        if not wanted(entry.path):
            continue
        if entry.mode in (LINK, SUBMODULE):
            yield Unlisted(prefix + entry.path, Reason.NOT_A_FILE)
        else:
            yield Listed(prefix + entry.path, entry.sha, entry.size_bytes, signs=Signs.IMMUTABLE)


class Files:
    """The part of a source that is below `files/`."""

    name = "files"
    prefix = "files/"
    prefixes: tuple[str, ...] = (prefix,)

    def __init__(self, api: Api, branch: str, wanted: Wanted) -> None:
        self.api, self.wanted = api, wanted
        self.ref = quote(branch or "HEAD", safe="/")
        self.scope = f"{self.ref} {wanted.digest}"
        self.blobs = Blobs(api)
        self.listed: dict[str, Blob] = {}
        self.unseen: list[str] = []

    def check(self) -> str:
        return "files"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        known = cursor.get("head", "") if cursor.get("scope") == self.scope else ""
        head = self.head(known)
        if head == known:
            yield Checkpoint(cursor)
            return
        self.unseen = []
        found = list(entries(self._seen(head), self.prefix, self.wanted))
        self.listed = {e.external_id: Blob(e.signature, e.size_bytes) for e in found if isinstance(e, Listed)}
        self.blobs.begin(head, self.listed)  # before anything is asked for: reading goes on beside the listing
        yield from found
        yield from (Unlisted(prefix, Reason.TOO_LARGE) for prefix in self.unseen)
        yield ScopeComplete(len(self.listed), tuple(self.unseen), below=self.prefix)
        yield Checkpoint({"head": head, "scope": self.scope})

    def head(self, known: str = "") -> str:
        """Return the commit that the branch is at, which may be `known` still; "" for a repository without any."""
        etag = f'"{known}"' if known else ""
        answer = self.api.get(f"commits/{self.ref}", etag=etag, accept=SHA, allowed=(CONFLICT,))
        if answer.unchanged:
            return known
        return "" if answer.status == CONFLICT else str(answer.data).strip()

    def _seen(self, head: str) -> Iterator[Entered]:
        """Go through the commit's tree. What GitHub cuts short is asked for tree by tree."""
        if not head:
            return
        todo = [("", head)]
        while todo:
            prefix, sha = todo.pop()
            answer = self._tree(sha, recursive=1)
            if not answer["truncated"]:
                yield from (_entered(prefix, entry) for entry in answer["tree"] if entry["type"] != "tree")
                continue
            answer = self._tree(sha)
            if answer["truncated"]:  # one folder with more entries than an answer may have
                self.unseen.append(self.prefix + prefix)
            for entry in answer["tree"]:
                if entry["type"] == "tree":
                    todo.append((_entered(prefix, entry).path + "/", entry["sha"]))
                else:
                    yield _entered(prefix, entry)

    def _tree(self, sha: str, **how: Any) -> Any:
        return self.api.get(f"git/trees/{sha}", **how).data

    def expect(self, names: Sequence[str]) -> None:
        self.blobs.expect([name for name in names if name in self.listed])

    def read(self, name: str, *, limit_bytes: int) -> Content:
        path = unescape(name.removeprefix(self.prefix))
        if blob := self.listed.get(name):
            data = self.blobs.read(name, blob, limit_bytes)
        else:
            data = self.api.raw(f"contents/{quote(path)}?ref={self.ref}", limit_bytes)
        return Content(data)


def _entered(prefix: str, entry: dict[str, Any]) -> Entered:
    path = prefix + escape(entry["path"].encode("utf-8", "surrogatepass"))
    return Entered(path, entry["mode"], entry["sha"], entry.get("size", 0))
