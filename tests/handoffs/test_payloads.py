"""Bytes under their hash: all of them or none, and never others."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from handoffs import payloads
from handoffs.storage import PayloadFolder
from ledger.failures import Malformed, Transient
from ledger.reasons import Reason


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings) -> Path:
    backend = {"BACKEND": "handoffs.storage.PayloadFolder", "OPTIONS": {"location": str(tmp_path / "payloads")}}
    settings.STORAGES = {**settings.STORAGES, "payloads": backend}
    return tmp_path / "payloads"


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back_under_their_hash_and_are_stored_once(folder):
    assert payloads.put(b"bytes") == payloads.put(b"bytes") == hashlib.sha256(b"bytes").hexdigest()
    assert payloads.get(hashlib.sha256(b"bytes").hexdigest()) == b"bytes"
    assert len(files(folder)) == 1


@pytest.mark.parametrize("harm", [Path.unlink, lambda stored: stored.write_bytes(b"others")])
def test_missing_or_altered_bytes_are_never_handed_out(folder, harm):
    name = payloads.put(b"bytes")
    [stored] = files(folder)
    harm(stored)
    with pytest.raises(Malformed) as refusal:
        payloads.get(name)
    assert refusal.value.reason == Reason.PAYLOAD_MISSING


def test_many_who_store_the_same_bytes_at_once_leave_one_whole_file(folder):
    data = b"x" * 1_000_000
    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(payloads.put, [data] * 8))
    assert len(names) == len(files(folder)) == 1
    assert payloads.get(names.pop()) == data


class Breaking(ContentFile):
    def chunks(self, chunk_size=None):  # noqa: ARG002  Django's signature
        yield b"half of it"
        raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_no_partial_file(folder):
    with pytest.raises(OSError, match="No space"):
        PayloadFolder(location=folder).save("ab/cd/name", Breaking(b""))
    assert files(folder) == []


def test_a_disk_that_refuses_is_tried_again_later(folder):
    folder.write_text("a file where the folder should be")
    with pytest.raises(Transient) as refusal:
        payloads.put(b"bytes")
    assert refusal.value.reason == Reason.IO_ERROR
