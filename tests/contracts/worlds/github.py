"""A repository on a server that speaks as GitHub's does."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ingestion.connectors.local_files import escape
from tests.contracts.worlds.world import Cut, World
from tests.peers.github import GitHub


class Repository(World):
    kind = "github"

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        self.github = GitHub()

    def close(self) -> None:
        self.github.peer.close()

    def reset(self) -> None:
        self.github.reset()
        self.github.page_most = 2

    def options(self) -> dict[str, Any]:
        return self.github.options()

    def secrets(self) -> dict[str, str]:
        return {"token": self.github.token}

    def external_id(self, name: str) -> str:
        return f"files/{escape(name.encode())}.md"

    def put(self, name: str, text: str) -> None:
        self.put_at_once({name: text})

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        self.github.repository.files |= {f"{name}.md": text.encode() for name, text in texts.items()}
        self.github.repository.commit()

    def delete(self, name: str) -> None:
        del self.github.repository.files[f"{name}.md"]
        self.github.repository.commit()

    def rename(self, name: str, new: str) -> None:
        files = self.github.repository.files
        files[f"{new}.md"] = files.pop(f"{name}.md")
        self.github.repository.commit()

    def away(self) -> AbstractContextManager[None]:
        return self.github.away()

    def cut_at(self, exchange: int) -> AbstractContextManager[Cut]:
        return self.github.peer.cut_at(exchange)

    def refusing(self) -> AbstractContextManager[None]:
        return self.github.peer.answering(self.github.refuse)

    @contextmanager
    def busy(self) -> Iterator[float]:
        with self.github.peer.answering(self.github.busy):
            yield 600
