"""A folder of payloads that a crash cannot leave half-written."""

import os
import tempfile
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class PayloadFolder(FileSystemStorage):
    """Writes beside the final name and renames: a name either has all its bytes or is not there.

    The names are hashes, so two that save the same one have the same bytes, and the later rename changes nothing.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002  Django's signature
        """A payload has one name; Django's own would invent a second."""
        return name

    def _save(self, name: str, content: File[bytes]) -> str:
        final = Path(self.path(name))
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, part = tempfile.mkstemp(dir=final.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            Path(part).rename(final)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return name

    def flush(self) -> None:
        """Have the system write what it still holds in memory: one call for a page of payloads, not one each."""
        os.sync()
