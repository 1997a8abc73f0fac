"""A web site on the loopback, which the settings allow to be asked."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.test import override_settings

from ingestion.connectors.web import robots
from tests.contracts.worlds.world import Cut, World
from tests.peers.http import Answer
from tests.peers.site import Site


class Pages(World):
    kind = "web"
    lacks = {"credentials": "pages are asked for without a key"}

    def __init__(self, folder: Path) -> None:  # noqa: ARG002
        self.site = Site()
        self.allowed = override_settings(WEB_NETWORKS=("127.0.0.1/32",))
        self.allowed.enable()

    def close(self) -> None:
        self.allowed.disable()
        self.site.peer.close()

    def reset(self) -> None:
        self.site.reset()
        robots.KEPT.clear()
        self.index()

    def index(self) -> None:
        paths = [path for path in self.site.pages if path != "/"]
        self.site.put("/", "All there is.", links=tuple(quote(path) for path in paths))

    def options(self) -> dict[str, Any]:
        return {"seeds": [self.site.url], "delay_s": 0}

    def external_id(self, name: str) -> str:
        return self.site.address(f"/{quote(name)}")

    def others(self) -> set[str]:
        return {self.site.address("/")}

    def put(self, name: str, text: str) -> None:
        self.put_at_once({name: text})

    def put_at_once(self, texts: Mapping[str, str]) -> None:
        for name, text in texts.items():
            self.site.put(f"/{name}", text, media_type="text/plain; charset=utf-8")
        self.index()

    def delete(self, name: str) -> None:
        del self.site.pages[f"/{name}"]
        self.site.gone.add(f"/{name}")
        self.index()

    def rename(self, name: str, new: str) -> None:
        page = self.site.pages[f"/{name}"]
        self.delete(name)
        self.site.pages[f"/{new}"] = page
        self.index()

    def away(self) -> AbstractContextManager[None]:
        return self.site.peer.away()

    def cut_at(self, exchange: int) -> AbstractContextManager[Cut]:
        robots.KEPT.clear()
        return self.site.peer.cut_at(exchange)

    @contextmanager
    def busy(self) -> Iterator[float]:
        with self.site.peer.answering(lambda _: Answer(429, b"", {"Retry-After": "300"})):
            yield 300
