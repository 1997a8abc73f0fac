"""What a listing has seen whole already, kept on disk until it is read: memory does not grow with it."""

import tempfile
import weakref
from typing import IO

AT_ONCE = 10_000  # more than sync reads ahead of its reading


class Spool:
    """Bytes by name, in files that vanish with the process. Of what is never read the older part is forgotten."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self.at_once = at_once
        self.younger, self.older = _File(), _File()

    def put(self, name: str, data: bytes) -> None:
        if len(self.younger.places) >= self.at_once:
            self.older, self.younger = self.younger, _File()
        self.younger.put(name, data)

    def take(self, name: str) -> bytes | None:
        """Return the bytes and forget them; None if they are not here."""
        found = self.younger.take(name)
        return self.older.take(name) if found is None else found


class _File:
    def __init__(self) -> None:
        self.file: IO[bytes] | None = None
        self.places: dict[str, tuple[int, int]] = {}

    def put(self, name: str, data: bytes) -> None:
        if self.file is None:
            self.file = tempfile.TemporaryFile()  # noqa: SIM115  closed when nobody holds this
            weakref.finalize(self, self.file.close)
        if not self.places:
            self.file.truncate(0)
        self.places[name] = (self.file.seek(0, 2), len(data))
        self.file.write(data)

    def take(self, name: str) -> bytes | None:
        if self.file is None or name not in self.places:
            return None
        start, length = self.places.pop(name)
        self.file.seek(start)
        return self.file.read(length)
