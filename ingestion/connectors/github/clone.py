"""The files of a repository, or the pages of its wiki, over git: for what is large, and what has no API."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from ingestion.connectors.github.files import Wanted, entries
from ingestion.connectors.github.git import Remote
from ingestion.ports import Checkpoint, Content, Cursor, Entry, Listed, ScopeComplete
from ledger.failures import Gone, Transient
from ledger.reasons import Reason


class Clone:
    """The part of a source that is below `files/` or `wiki/`. A wiki may be missing: that says nothing of its pages."""

    def __init__(self, name: str, remote: Remote, branch: str, wanted: Wanted) -> None:
        self.name, self.prefix = name, f"{name}/"
        self.prefixes: tuple[str, ...] = (self.prefix,)
        self.remote, self.branch, self.wanted = remote, branch, wanted
        self.may_be_missing = name == "wiki"
        # as over the API: whoever changes the transport goes on from where the source was
        self.scope = f"{quote(branch or 'HEAD', safe='/')} {wanted.digest}"
        self.listed: dict[str, str] = {}  # blobs by name
        self.awaited: set[str] = set()  # blobs that will be read
        self.failed: Transient | None = None

    def check(self) -> str:
        head = self._head()
        return f"no {self.name}" if head is None else f"{self.name} over git"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        known = cursor.get("head") if cursor.get("scope") == self.scope else None
        head = self._head(was=cursor.get("head", ""))
        if head is None or head == known:
            yield Checkpoint(cursor)
            return
        seen = self.remote.tree(head) if head else iter(())
        found = list(entries(seen, self.prefix, self.wanted))
        self.listed = {entry.external_id: entry.signature for entry in found if isinstance(entry, Listed)}
        self.awaited, self.failed = set(), None
        yield from found
        yield ScopeComplete(len(self.listed), below=self.prefix)
        yield Checkpoint({"head": head, "scope": self.scope})

    def _head(self, was: str = "") -> str | None:
        """Return the commit, "" in an empty repository, None for a wiki that is not there.

        Of a branch that `was` somewhere emptiness is not believed: git takes any page for a repository without one.
        """
        try:
            head = self.remote.head(self.branch)
        except Gone:
            if self.may_be_missing:
                return None
            raise
        if head or not (self.branch or was):
            return head
        if self.may_be_missing:
            return None
        raise Gone(Reason.VANISHED, "no such branch")

    def expect(self, names: Sequence[str]) -> None:
        self.awaited |= {self.listed[name] for name in names if name in self.listed}

    def read(self, name: str, *, limit_bytes: int) -> Content:
        if name not in self.listed:  # it is asked for without a listing
            for _ in self.list({}):
                pass
        if name not in self.listed:
            raise Gone(Reason.VANISHED)
        sha = self.listed[name]
        if sha in self.awaited or (data := self.remote.blob(sha, limit_bytes)) is None:
            self._fetch(self.awaited | {sha})
            data = self.remote.blob(sha, limit_bytes)
        if data is None:
            raise Transient(Reason.BAD_ANSWER, "git did not get the file")
        return Content(data)

    def _fetch(self, blobs: set[str]) -> None:
        """Get all that will be read at once. What fails fails for all of them: none is asked for by itself then."""
        self.awaited = set()
        if self.failed:
            raise self.failed
        try:
            self.remote.fetch(blobs)
        except Transient as failure:
            self.failed = failure
            raise
