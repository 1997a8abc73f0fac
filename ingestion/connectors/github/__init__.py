"""github: a repository's files, issues, pull requests and discussions with what was said in them, and its wiki."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Protocol

from ingestion.connectors.github.api import Api, Credentials
from ingestion.connectors.github.clone import Clone
from ingestion.connectors.github.discussions import Discussions
from ingestion.connectors.github.files import Files, Wanted
from ingestion.connectors.github.git import Remote, address
from ingestion.connectors.github.options import refuse
from ingestion.connectors.github.threads import COMMENTS, ISSUES, REVIEWS, Threads
from ingestion.ports import Checkpoint, Content, Cursor, Entry
from ledger.failures import Gone
from ledger.reasons import Reason

OF = {  # which of the contents an item belongs to, by its prefix
    "issues/": "issues",
    "issue-comments/": "issues",
    "pulls/": "pulls",
    "pull-comments/": "pulls",
    "review-comments/": "pulls",
}


class Part(Protocol):
    """One kind of content: what is below its prefixes. It has its own share of the cursor."""

    name: str
    prefixes: tuple[str, ...]

    def check(self) -> str: ...
    def list(self, cursor: Cursor) -> Iterator[Entry]: ...
    def expect(self, names: Sequence[str]) -> None: ...
    def read(self, name: str, *, limit_bytes: int) -> Content: ...


class GitHub:
    """Lists and reads what one repository on GitHub, or on a GitHub Enterprise server, has.

    `contents` names what is wanted: files, issues, pulls, discussions, wiki. `branch` is the default branch where none
    is given. `include`, `exclude` and `hidden` choose among the files as they do in a folder; by `transport` they
    come over the API or over git. Every `reconcile_days` the threads are listed whole, as nothing else tells what was
    deleted of them.
    """

    kind = "github"

    def __init__(
        self,
        repository: str,
        *,
        contents: Sequence[str] = ("files", "issues", "pulls"),
        branch: str = "",
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        hidden: bool = False,
        transport: str = "api",
        url: str = "https://github.com",
        token: str = "",
        app_id: str = "",
        installation_id: str = "",
        private_key: str = "",
        reconcile_days: float = 7,
    ) -> None:
        refuse(repository, contents, transport, url, branch)
        if private_key and not (app_id and installation_id):
            raise ValueError("private_key: an app's key needs its app_id and its installation_id")
        self.url = url
        self.api = Api(repository, url, Credentials(token, app_id, installation_id, private_key))
        self.parts: list[Part] = list(self._threads(contents, timedelta(days=reconcile_days)))
        if "files" in contents:
            wanted = Wanted(include, exclude, hidden=hidden)
            over_git = transport == "git"
            self.parts.append(self._clone("files", branch, wanted) if over_git else Files(self.api, branch, wanted))
        if "wiki" in contents:
            self.parts.append(self._clone("wiki", "", Wanted((), (), hidden=False)))

    def _threads(self, contents: Sequence[str], every: timedelta) -> Iterator[Part]:
        for kind in (ISSUES, COMMENTS, REVIEWS):
            asked = [prefix for prefix in kind.prefixes if OF[prefix] in contents]
            if asked:
                yield Threads(self.api, kind, asked, every)
        if "discussions" in contents:
            yield Discussions(self.api, every)

    def _clone(self, name: str, branch: str, wanted: Wanted) -> Part:
        repository = self.api.repository + (".wiki" if name == "wiki" else "")
        return Clone(name, Remote(address(self.url, repository), self.api.key), branch, wanted)

    def check(self) -> str:
        found = self.api.get("").data
        kind = "private" if found["private"] else "public"
        as_whom = "with a key" if self.api.keyed else "without a key"
        return f"{found['full_name']}, {kind}, {as_whom}: {', '.join(part.check() for part in self.parts)}"

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        reached = dict(cursor)
        for part in self.parts:
            for entry in part.list(cursor.get(part.name, {})):
                if isinstance(entry, Checkpoint):
                    reached = {**reached, part.name: dict(entry.cursor)}
                    yield Checkpoint(reached)
                else:
                    yield entry

    def expect(self, external_ids: Sequence[str]) -> None:
        for part in self.parts:
            part.expect([name for name in external_ids if name.startswith(part.prefixes)])

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        for part in self.parts:
            if external_id.startswith(part.prefixes):
                return part.read(external_id, limit_bytes=limit_bytes)
        raise Gone(Reason.VANISHED, "it is of a kind that the source does not ask for any more")
