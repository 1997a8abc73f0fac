"""obsidian: the notes of a vault, and the files that they link to."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from posixpath import dirname

from ingestion.connectors.local_files import LocalFiles, escape
from ingestion.connectors.obsidian.notes import Note, read_note
from ingestion.connectors.obsidian.preferences import Preferences, preferences
from ingestion.connectors.wikilinks import Names, is_note
from ingestion.ports import Content, Cursor, Entry, Listed, ScopeComplete, Signs, Unlisted
from ingestion.reading.kinds import SUFFIXES
from ledger.failures import Failure, Gone, Malformed
from ledger.reasons import Reason

BY_ID = "id:"
NOTE_BYTES = 4 << 20  # a longer one goes by its path, and its links are not followed
# What synchronisers leave beside a note: its other version, or a stand-in for what was not fetched.
NOT_NOTES = ("*.sync-conflict-*", "*.icloud")


class Obsidian:
    """Lists and reads the notes of an Obsidian vault and the files that they link to. Writes nothing into it.

    A note whose front matter has an `id` keeps it as its name, wherever it moves; others go by their path. An id that
    several notes have names none of them. The vault's list of excluded files is kept to.
    """

    kind = "obsidian"

    def __init__(
        self, root: str, *, include: Sequence[str] = (), exclude: Sequence[str] = (), attachments: bool = True
    ) -> None:
        self.files = LocalFiles(root, include=include, exclude=[*exclude, *NOT_NOTES])
        self.root = Path(root).expanduser().absolute()
        self.attachments = attachments
        self.path_of: dict[str, str] = {}  # of the notes that go by an id, as they were listed last

    def check(self) -> str:
        found = self.files.check()
        if not (self.root / ".obsidian").is_dir():
            return f"{found}; it has no .obsidian, so it is read as a vault that nobody opened yet"
        return f"{found}; daily notes are called {preferences(self.root).daily_words}"

    def folder(self) -> Path:
        return self.root

    def minds(self, path: Path) -> bool:
        return self.files.minds(path)

    def list(self, cursor: Cursor) -> Iterator[Entry]:
        return _Listing(self, preferences(self.root), cursor).entries()

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        path = self._path(external_id)
        content = self.files.read(path, limit_bytes=limit_bytes)
        told = {"path": path.removeprefix("./")}
        if not is_note(path):
            return replace(content, metadata=told)
        if day := preferences(self.root).day(told["path"]):
            told["dated"] = day
        return Content(content.data, "text/markdown", told | read_note(content.data).told())

    def _path(self, external_id: str) -> str:
        if not external_id.startswith(BY_ID):
            return external_id
        if external_id not in self.path_of:
            for _ in self.list({}):  # it learns the paths
                pass
        try:
            return self.path_of[external_id]
        except KeyError as exc:
            raise Gone(Reason.VANISHED) from exc


class _Listing:
    """One way through a vault. What goes by an id and what hangs on a link is known at its end, and held until then."""

    def __init__(self, vault: Obsidian, wishes: Preferences, cursor: Cursor) -> None:
        self.vault, self.wishes, self.cursor = vault, wishes, cursor
        self.by_id: dict[str, list[Listed]] = {}
        self.others: dict[str, Listed] = {}
        self.links: set[tuple[str, str]] = set()
        self.count = 0
        self.blind = False  # something could not be looked at: it may have been any note, and linked to anything

    def entries(self) -> Iterator[Entry]:
        for entry in self.vault.files.list(self.cursor):
            if isinstance(entry, Listed | Unlisted) and not self.wishes.hides(entry.external_id):
                yield from self._entry(entry)
        yield from self._identified()
        yield from self._attached()
        yield ScopeComplete(self.count, ("",) if self.blind else ())

    def _entry(self, entry: Listed | Unlisted) -> Iterator[Entry]:
        if isinstance(entry, Unlisted):
            self.blind |= entry.reason != Reason.NOT_A_FILE
            yield entry
        elif is_note(entry.external_id):
            yield from self._note(entry)
        else:
            self.others[entry.external_id] = entry

    def _note(self, entry: Listed) -> Iterator[Entry]:
        path = entry.external_id
        try:
            data = self.vault.files.read(path, limit_bytes=NOTE_BYTES).data
        except Gone:
            return
        except Malformed:
            yield self._placed(entry)
            return
        except Failure as failure:
            self.blind = True
            yield Unlisted(path, failure.reason)
            return
        note = read_note(data)
        self._follow(path, note)
        digest = hashlib.sha256(data).hexdigest()
        if note.id:
            # with its path, so that what is kept of it moves along
            moved = hashlib.sha256(path.encode()).hexdigest()[:16]
            found = Listed(path, f"{digest}:{moved}", len(data), "text/markdown", Signs.STRONG)
            self.by_id.setdefault(BY_ID + note.id, []).append(found)
        else:
            yield self._placed(Listed(path, digest, len(data), "text/markdown", Signs.STRONG))

    def _follow(self, path: str, note: Note) -> None:
        if self.vault.attachments:
            self.links.update((target, dirname(path)) for target in note.links() if "." in target)

    def _identified(self) -> Iterator[Entry]:
        self.vault.path_of = {key: notes[0].external_id for key, notes in self.by_id.items() if len(notes) == 1}
        for key, notes in self.by_id.items():
            if key in self.vault.path_of:
                self.count += 1
                yield replace(notes[0], external_id=key)
            else:
                yield from map(self._placed, notes)

    def _attached(self) -> Iterator[Entry]:
        names = Names(self.others)
        linked = {names.find(escape(target.encode()), folder) for target, folder in self.links}
        for path in sorted(filter(None, linked)):
            if PurePosixPath(path).suffix.lower() in SUFFIXES:
                yield self._placed(self.others[path])
            else:
                yield Unlisted(path, Reason.UNSUPPORTED_TYPE)

    def _placed(self, item: Listed) -> Listed:
        """The item by its path, which is told from an id where it looks like one."""
        self.count += 1
        return replace(item, external_id=f"./{item.external_id}") if item.external_id.startswith(BY_ID) else item
