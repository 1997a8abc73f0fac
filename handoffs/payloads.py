"""Content-addressed bytes: each payload is stored once, under its SHA-256, through Django's storage API."""

import hashlib
from collections.abc import Iterable

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from ledger.failures import Malformed, Transient
from ledger.reasons import Reason


def store() -> Storage:
    return storages["payloads"]


def path_of(payload_hash: str) -> str:
    return f"{payload_hash[:2]}/{payload_hash[2:4]}/{payload_hash}"


def put(data: bytes) -> str:
    """Store the bytes if they are not there yet and return their hash. Raises Transient when the disk refuses."""
    payload_hash = hashlib.sha256(data).hexdigest()
    name = path_of(payload_hash)
    try:
        if not store().exists(name):
            store().save(name, ContentFile(data))
    except OSError as exc:
        raise Transient(Reason.IO_ERROR, exc.strerror or "") from exc
    return payload_hash


def flush() -> None:
    """Have what was put on the disk itself; to be called before the transaction that names it commits."""
    settle = getattr(store(), "flush", None)
    if settle:
        settle()


def confirm(hashes: Iterable[str]) -> None:
    """Make sure that bytes that were put are there, once their rows are. Raises Transient: a purge came in between."""
    for payload_hash in hashes:
        if not store().exists(path_of(payload_hash)):
            raise Transient(Reason.PAYLOAD_MISSING, "erased while it was taken in")


def discard(payload_hash: str) -> None:
    """Delete stored bytes; none there is as good. Raises Transient when the disk refuses."""
    try:
        store().delete(path_of(payload_hash))
    except OSError as exc:
        raise Transient(Reason.IO_ERROR, exc.strerror or "") from exc


def get(payload_hash: str) -> bytes:
    """Return the stored bytes. Raises Malformed when they are missing or do not hash to their name any more."""
    try:
        with store().open(path_of(payload_hash)) as file:
            data: bytes = file.read()
    except FileNotFoundError as exc:
        raise Malformed(Reason.PAYLOAD_MISSING) from exc
    except OSError as exc:
        raise Transient(Reason.IO_ERROR, exc.strerror or "") from exc
    if hashlib.sha256(data).hexdigest() != payload_hash:
        raise Malformed(Reason.PAYLOAD_MISSING, "the stored bytes were altered")
    return data
