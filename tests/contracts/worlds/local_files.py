"""A folder of files."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from ingestion.connectors.local_files import escape
from tests.contracts.worlds.world import World

LONG_AGO_NS = time.time_ns() - 86_400 * 10**9


class Folder(World):
    kind = "local_files"
    lacks = {
        "connection": "a folder is read without a peer that could hang up",
        "credentials": "a folder asks for no key; what permissions do is tested with the connector",
        "rate limit": "a folder asks nobody to wait",
    }

    def __init__(self, folder: Path) -> None:
        self.folder, self.serial = folder, count(1)
        self.reset()

    def reset(self) -> None:
        self.root = self.folder / str(next(self.serial))
        self.root.mkdir()
        self.now_ns = LONG_AGO_NS

    def options(self) -> dict[str, Any]:
        return {"root": str(self.root)}

    def path(self, name: str) -> Path:
        return self.root / f"{name}.md"

    def external_id(self, name: str) -> str:
        return escape(f"{name}.md".encode())

    def put(self, name: str, text: str) -> None:
        self.now_ns += 10**9
        self.write(name, text)

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        self.path(name).write_text(text)
        os.utime(self.path(name), ns=(self.now_ns, self.now_ns))

    def delete(self, name: str) -> None:
        self.path(name).unlink()

    def rename(self, name: str, new: str) -> None:
        self.path(name).rename(self.path(new))

    @contextmanager
    def away(self) -> Iterator[None]:
        elsewhere = self.root.with_suffix(".away")
        self.root.rename(elsewhere)
        yield
        elsewhere.rename(self.root)
