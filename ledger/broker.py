"""The broker's address, and connections to it: to one server, or to whichever of several their Sentinels name.

`redis+sentinel://:password@one:26379,two:26379,three:26379/name/0` follows the primary that the Sentinels call `name`;
the password is that of the servers, as the Sentinels ask for none.
"""

from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import unquote, urlsplit

import redis
from django.conf import settings
from redis.sentinel import Sentinel, SentinelConnectionPool

WATCHED = "redis+sentinel"
SENTINEL_PORT = 26379
SENTINEL_S = 1.0  # within which each Sentinel has to answer


@dataclass(frozen=True)
class Watched:
    """A primary that Sentinels watch."""

    sentinels: tuple[tuple[str, int], ...]
    name: str
    db: int
    username: str | None
    password: str | None

    @property
    def celery_url(self) -> str:
        """The same address as Celery writes it, which has the name among its transport's options."""
        return ";".join(f"sentinel://{self._user}{host}:{port}/{self.db}" for host, port in self.sentinels)

    @property
    def celery_options(self) -> dict[str, Any]:
        return {"master_name": self.name, "sentinel_kwargs": patience()}

    @property
    def _user(self) -> str:
        """As the address had it, quoted."""
        return "" if self.password is None else f"{self.username or ''}:{self.password}@"


def patience() -> dict[str, float]:
    return {"socket_timeout": SENTINEL_S, "socket_connect_timeout": SENTINEL_S}


def watched(url: str) -> Watched | None:
    """Read an address; none when it is that of a server itself. Raises ValueError for half an address of Sentinels."""
    split = urlsplit(url)
    if split.scheme != WATCHED:
        return None
    user, _, hosts = split.netloc.rpartition("@")
    username, given, password = user.partition(":")
    name, _, db = split.path.strip("/").partition("/")
    if not (hosts and name) or not (db or "0").isdigit():
        raise ValueError(f"must be like {WATCHED}://:password@one:{SENTINEL_PORT},two:{SENTINEL_PORT}/name/0")
    sentinels = tuple(_host(one.strip()) for one in hosts.split(","))
    return Watched(sentinels, unquote(name), int(db or 0), username or None, password if given else None)


def _host(told: str) -> tuple[str, int]:
    split = urlsplit(f"//{told}")
    if not split.hostname:
        raise ValueError("has a Sentinel without a name")
    return split.hostname, split.port or SENTINEL_PORT


class Pool(SentinelConnectionPool):
    """Connections to the primary of the moment, by the address of its Sentinels."""

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        found, sentinels = watched(url), cast("Any", Sentinel)
        if found is None:
            raise ValueError("is not an address of Sentinels")
        given = {"username": found.username, "password": found.password}
        known = {name: unquote(value) for name, value in given.items() if value is not None}
        return cls(found.name, sentinels(found.sentinels, sentinel_kwargs=patience()), db=found.db, **known, **options)


def client(**options: Any) -> redis.Redis:
    """A client of the broker; `options` are redis-py's for its connections."""
    if watched(settings.REDIS_URL):
        return redis.Redis(connection_pool=Pool.from_url(settings.REDIS_URL, **options))
    return redis.Redis.from_url(settings.REDIS_URL, **options)
