"""Blobs by their hashes: one by one, fifty in a query, or all of a commit in its archive, as it costs least."""

import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ingestion.connectors.github.api import Api
from ingestion.connectors.local_files import escape
from ingestion.connectors.spool import Spool
from ledger.failures import Auth, Gone, Malformed, Transient
from ledger.reasons import Reason

TOGETHER, TOGETHER_BYTES = 50, 1 << 20  # of one query
LARGE_BYTES = 256 << 10  # texts are cut at half a megabyte in GraphQL
ARCHIVE_FROM = 100  # with so many to be read the whole commit may be the cheaper
ARCHIVE_BYTES = 2 << 30  # the most that is unpacked
SHARE = 10  # the archive is taken if a tenth of it is wanted
SHA1_CHARS = 40


@dataclass(frozen=True)
class Blob:
    sha: str
    size_bytes: int


def is_blob(data: bytes, sha: str) -> bool:
    """Whether these bytes are the ones that git calls so."""
    algorithm = hashlib.sha1 if len(sha) == SHA1_CHARS else hashlib.sha256
    return algorithm(b"blob %d\0" % len(data) + data).hexdigest() == sha


class Blobs:
    """Reads blobs. Whatever way the bytes came, they are the named ones, or they are asked for again by name."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.listed: Mapping[str, Blob] = {}
        self.awaited: dict[str, Blob] = {}

    def begin(self, commit: str, listed: Mapping[str, Blob]) -> None:
        """Be at this commit, which has these blobs by external id."""
        self.commit, self.listed, self.awaited = commit, listed, {}
        self.kept = Spool(len(listed) + 1)
        self.unpacked, self.queried = False, self.api.keyed  # GraphQL answers nobody without a key

    def expect(self, names: Sequence[str]) -> None:
        self.awaited = {name: self.listed[name] for name in names}

    def read(self, name: str, blob: Blob, limit_bytes: int) -> bytes:
        data = self.kept.take(name)
        if data is None and name in self.awaited:
            self._fetch(name)
            data = self.kept.take(name)
        if data is not None and len(data) > limit_bytes:
            raise Malformed(Reason.TOO_LARGE)
        if data is None:
            data = self.api.raw(f"git/blobs/{blob.sha}", limit_bytes)
            if not is_blob(data, blob.sha):
                raise Transient(Reason.BAD_ANSWER, "the bytes of a blob are not the ones it is named for")
        return data

    def _fetch(self, name: str) -> None:
        """Get the blob called so and, along with it, others that are awaited."""
        if not self.unpacked and self._archive_is_cheaper():
            self.unpacked = True
            self._unpack()
            return
        batch = list(islice(self._fitting(name), TOGETHER))
        for each in batch:
            del self.awaited[each]
        if len(batch) > 1 and self.queried:
            self._query(batch)

    def _archive_is_cheaper(self) -> bool:
        if len(self.awaited) < ARCHIVE_FROM:
            return False
        whole = sum(blob.size_bytes for blob in self.listed.values())
        wanted = sum(blob.size_bytes for blob in self.awaited.values())
        return whole <= ARCHIVE_BYTES and wanted * SHARE >= whole

    def _fitting(self, name: str) -> Iterator[str]:
        """Yield `name`, then of what is awaited behind it as much as a query can carry."""
        yield name
        room = TOGETHER_BYTES - self.awaited[name].size_bytes
        if self.awaited[name].size_bytes > LARGE_BYTES:
            return
        for other, blob in list(self.awaited.items()):
            if other != name and blob.size_bytes <= min(LARGE_BYTES, room):
                room -= blob.size_bytes
                yield other

    def _query(self, names: Sequence[str]) -> None:
        wanted = [self.listed[name].sha for name in names]
        fields = " ".join(f'b{n}: object(oid: "{sha}") {{ ... on Blob {{ text }} }}' for n, sha in enumerate(wanted))
        query = f"query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"
        try:
            found = self.api.graphql(query)
        except (Auth, Gone):  # a server may have this door shut; if the key itself is refused, the next request says so
            self.queried = False
            return
        for n, name in enumerate(names):
            text = (found.get(f"b{n}") or {}).get("text")
            data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""
            if is_blob(data, wanted[n]):  # not so for what is binary, cut, or in another encoding than UTF-8
                self.kept.put(name, data)

    def _unpack(self) -> None:
        """Keep what the archive has of the listed blobs. Attributes may leave files out of it, or rewrite them."""
        try:
            with (
                self.api.pieces(f"tarball/{self.commit}") as pieces,
                tarfile.open(fileobj=Pieces(pieces, ARCHIVE_BYTES), mode="r|gz") as archive,
            ):
                for member in archive:
                    self._keep(archive, member)
        except (tarfile.TarError, zlib.error, EOFError, ValueError) as exc:
            raise Transient(Reason.BAD_ANSWER, "an archive that cannot be unpacked, or half of one") from exc

    def _keep(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = "files/" + escape(member.name.partition("/")[2].encode("utf-8", "surrogateescape"))
        blob = self.listed.get(name)
        if not member.isreg() or blob is None or member.size != blob.size_bytes:
            return
        file = archive.extractfile(member)
        data = file.read() if file else b""
        if is_blob(data, blob.sha):
            self.kept.put(name, data)
            self.awaited.pop(name, None)


class Pieces(io.RawIOBase):
    """A body that comes in pieces, as a file."""

    def __init__(self, pieces: Iterator[bytes], most_bytes: int) -> None:
        self.pieces, self.left, self.room = pieces, b"", most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.left:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self.left = piece
            self.room -= len(piece)
            if self.room < 0:
                raise ValueError("an archive larger than its files")
        count = min(len(buffer), len(self.left))
        buffer[:count], self.left = self.left[:count], self.left[count:]
        return count
