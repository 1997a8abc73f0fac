"""A repository on a server that speaks as GitHub's does, and one that is read over git, from git's own server."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ingestion.connectors.local_files import escape
from tests.contracts.worlds.world import Cut, World
from tests.peers.git import Hub
from tests.peers.github import REST, GitHub
from tests.peers.http import Answer, Request

NAME, TOKEN = "acme/orchard", "ghp_a-secret-of-the-tests"
BUSY = Answer(429, b"", {"Retry-After": "600"})


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


class OverGit(World):
    """The same by `transport=git`. Of the REST interface there is what `check` asks alone."""

    kind = "github"

    def __init__(self, folder: Path) -> None:
        self.hub = Hub(folder, TOKEN)
        self.hub.peer.answer = self.answer
        self.files: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        if request.path != f"{REST}/repos/{NAME}":
            return self.hub.answer(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Answer(401)
        return Answer(200, json.dumps({"full_name": NAME, "private": True}).encode())

    def close(self) -> None:
        self.hub.peer.close()

    def reset(self) -> None:
        self.hub.peer.heal()
        self.files = {}
        shutil.rmtree(self.hub.folder / f"{NAME}.git", ignore_errors=True)
        self.hub.make(NAME)

    def options(self) -> dict[str, Any]:
        return {"repository": NAME, "contents": ["files"], "transport": "git", "url": self.hub.url}

    def secrets(self) -> dict[str, str]:
        return {"token": TOKEN}

    def external_id(self, name: str) -> str:
        return f"files/{escape(name.encode())}.md"

    def put(self, name: str, text: str) -> None:
        self.put_at_once({name: text})

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        self._commit(self.files | {f"{name}.md": text.encode() for name, text in texts.items()})

    def delete(self, name: str) -> None:
        self._commit({file: data for file, data in self.files.items() if file != f"{name}.md"})

    def rename(self, name: str, new: str) -> None:
        self._commit({f"{new}.md" if file == f"{name}.md" else file: data for file, data in self.files.items()})

    def _commit(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.hub.commit(NAME, files)

    def away(self) -> AbstractContextManager[None]:
        return self.hub.peer.away()

    def cut_at(self, exchange: int) -> AbstractContextManager[Cut]:
        return self.hub.peer.cut_at(exchange)

    def refusing(self) -> AbstractContextManager[None]:
        return self.hub.peer.answering(lambda _: Answer(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'}))

    @contextmanager
    def busy(self) -> Iterator[float]:
        with self.hub.peer.answering(lambda _: BUSY):
            yield 60  # git does not say for how long it was asked to wait
