"""local_files: the files below one folder."""

import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from fnmatch import translate
from pathlib import Path

from ingestion.ports import Content, Cursor, Entry, Listed, ScopeComplete, Unlisted
from ledger.failures import Auth, Gone, Malformed, Transient
from ledger.reasons import Reason

VERSION_CONTROL = frozenset({b".git", b".hg", b".svn", b".bzr", b"CVS", b"_darcs"})
# Bytes that are no UTF-8, and the percent sign itself, are written %XX: every name has one spelling, and back.
ESCAPED = re.compile(r"%([0-9A-F]{2})")
Patterns = list[tuple[bool, re.Pattern[str]]]


class LocalFiles:
    """Lists and reads the files below `root`. Follows no link out of it, and no link to a folder.

    `include` and `exclude` are shell patterns over the path below the root, or over the name alone when they have no
    slash. Hidden entries are passed over unless `hidden` is true, version control folders always.
    """

    kind = "local_files"

    def __init__(
        self, root: str, *, include: Sequence[str] = (), exclude: Sequence[str] = (), hidden: bool = False
    ) -> None:
        self.root = os.fsencode(Path(root).expanduser().absolute())
        self.include, self.exclude = patterns(include), patterns(exclude)
        self.hidden = hidden

    def check(self) -> str:
        self._is_there()
        try:
            count = len(self._entries(b""))
        except OSError as exc:
            raise _failure(exc) from exc
        return f"{count} entries in the folder"

    def folder(self) -> Path:
        return Path(os.fsdecode(self.root))

    def minds(self, path: Path) -> bool:
        return self.hidden or not any(part.startswith(".") for part in path.relative_to(self.folder()).parts)

    def _is_there(self) -> None:
        if not self.folder().is_dir():
            raise Gone(Reason.VANISHED, "the source's folder is not there")

    def list(self, cursor: Cursor) -> Iterator[Entry]:  # noqa: ARG002  the whole folder is listed each time
        self._is_there()
        count = 0
        unseen: list[str] = []
        folders = [b""]
        while folders:
            folder = folders.pop()
            try:
                entries = self._entries(folder)
            except OSError as exc:
                if not folder:
                    raise _failure(exc) from exc
                unseen.append(escape(folder) + "/")
                yield Unlisted(unseen[-1], _failure(exc).reason)
                continue
            for path, entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif item := self._look(entry, path):
                    count += isinstance(item, Listed)
                    unseen += _unseen(item)
                    yield item
        yield ScopeComplete(count, tuple(unseen))

    def _entries(self, folder: bytes) -> Sequence[tuple[bytes, "os.DirEntry[bytes]"]]:
        """The folder's wanted entries with their paths below the root. Raises OSError."""
        with os.scandir(os.path.join(self.root, folder)) as entries:  # noqa: PTH118  bytes, which Path refuses
            found = [(folder + b"/" + entry.name if folder else entry.name, entry) for entry in entries]
        return [(path, entry) for path, entry in found if self._wanted(path, entry)]

    def read(self, external_id: str, *, limit_bytes: int) -> Content:
        path = os.path.join(self.root, unescape(external_id))  # noqa: PTH118  bytes, which Path refuses
        if not self._inside(path):
            raise Malformed(Reason.NOT_A_FILE, "outside the source's folder")
        try:
            # a pipe that took the file's place would block for ever
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Malformed(Reason.NOT_A_FILE)
                data = file.read(limit_bytes + 1)
        except PermissionError as exc:  # this file alone: the others may be read, and this one another time
            raise Transient(Reason.UNREADABLE) from exc
        except OSError as exc:
            raise _failure(exc) from exc
        if len(data) > limit_bytes:
            raise Malformed(Reason.TOO_LARGE)
        return Content(data)

    def _look(self, entry: "os.DirEntry[bytes]", path: bytes) -> Listed | Unlisted | None:
        """Describe the entry; None for one that vanished, or a link to a folder below the root."""
        try:
            if entry.is_symlink() and not self._inside(entry.path):
                return Unlisted(escape(path), Reason.NOT_A_FILE)
            seen = entry.stat()
        except FileNotFoundError:
            return Unlisted(escape(path), Reason.NOT_A_FILE) if entry.is_symlink() else None
        except OSError as exc:
            reason = Reason.NOT_A_FILE if exc.errno == errno.ELOOP else _failure(exc).reason
            return Unlisted(escape(path), reason)
        if stat.S_ISDIR(seen.st_mode):
            return None
        if not stat.S_ISREG(seen.st_mode):
            return Unlisted(escape(path), Reason.NOT_A_FILE)
        return Listed(escape(path), _signature(seen), seen.st_size)

    def _inside(self, path: bytes) -> bool:
        real, root = os.path.realpath(path), os.path.realpath(self.root)
        return real == root or real.startswith(root.rstrip(b"/") + b"/")

    def _wanted(self, path: bytes, entry: "os.DirEntry[bytes]") -> bool:
        if entry.name.startswith(b".") and not self.hidden:
            return False
        name = escape(path)
        if matches(self.exclude, name):
            return False
        if entry.is_dir(follow_symlinks=False):
            return entry.name not in VERSION_CONTROL
        return not self.include or matches(self.include, name)


def escape(path: bytes) -> str:
    """The path as text that PostgreSQL takes, reversibly, whatever bytes the name has."""
    text = path.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
    return re.sub(r"[\udc80-\udcff]", lambda lone: f"%{ord(lone[0]) - 0xDC00:02X}", text)


def unescape(external_id: str) -> bytes:
    restored = ESCAPED.sub(lambda hit: chr(0xDC00 + int(hit[1], 16)) if int(hit[1], 16) > 0x7F else "%", external_id)  # noqa: PLR2004
    return restored.encode("utf-8", "surrogateescape")


def _signature(seen: os.stat_result) -> str:
    """Size, time and inode. Of a file that changed just now it is told that it may yet change within the same instant.

    File systems keep times in steps: whole seconds, some two at a time, on old ones; some milliseconds on the others.
    """
    step_ns = 2 * 10**9 if seen.st_mtime_ns % 10**9 == 0 else 20 * 10**6
    fresh = "~" if 0 <= time.time_ns() - seen.st_mtime_ns < step_ns else ""
    return f"{seen.st_size}:{seen.st_mtime_ns}:{seen.st_ino}{fresh}"


def patterns(wanted: Sequence[str]) -> Patterns:
    """Read shell patterns: with a slash they are compared with the whole path, else with the name."""
    return [("/" in pattern, re.compile(translate(pattern))) for pattern in wanted]


def matches(wanted: Patterns, path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(pattern.match(path if whole else name) for whole, pattern in wanted)


def _unseen(item: Listed | Unlisted) -> list[str]:
    """What could not be looked at may be there still: it is not gone."""
    return [item.external_id] if isinstance(item, Unlisted) and item.reason != Reason.NOT_A_FILE else []


def _failure(exc: OSError) -> Auth | Gone | Transient:
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        return Gone(Reason.VANISHED)
    if isinstance(exc, PermissionError):
        return Auth(Reason.UNREADABLE)
    return Transient(Reason.IO_ERROR, os.strerror(exc.errno or 0))
