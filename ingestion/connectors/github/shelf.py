"""What a list has told whole already, at hand until it is read."""

import hashlib
import json

from ingestion.connectors.github.markdown import Text
from ingestion.connectors.spool import Spool
from ingestion.ports import Content, Listed, Signs
from ledger.failures import Malformed
from ledger.reasons import Reason

MEDIA_TYPE = "text/markdown"


class Shelf:
    """Items whose bytes came with their listing; a signature is the hash of the bytes."""

    def __init__(self) -> None:
        self.spool = Spool()

    def put(self, text: Text) -> Listed:
        self.spool.put(text.name, json.dumps(dict(text.metadata)).encode() + b"\n" + text.data)
        signature = hashlib.sha256(text.data).hexdigest()
        return Listed(text.name, signature, len(text.data), MEDIA_TYPE, Signs.IMMUTABLE)

    def take(self, name: str, limit_bytes: int) -> Content | None:
        """Return what was put; None if it is not here. Raises Malformed (TOO_LARGE)."""
        kept = self.spool.take(name)
        if kept is None:
            return None
        told, _, data = kept.partition(b"\n")
        return content(Text(name, data, json.loads(told)), limit_bytes)


def content(text: Text, limit_bytes: int) -> Content:
    if len(text.data) > limit_bytes:
        raise Malformed(Reason.TOO_LARGE)
    return Content(text.data, MEDIA_TYPE, text.metadata)
