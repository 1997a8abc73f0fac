"""The broker behind Sentinels: whoever asks is led to the primary of the moment."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.cache import cache
from kombu import Connection

from config.embedded_home import binaries, find_home
from ingestion import alive, waking
from ledger.broker import client, watched

PASSWORD = "a p@ss:word/"  # noqa: S105  of servers that live as long as a test
QUOTED = "a%20p%40ss%3Aword%2F"
MINE = "doorbell"
POOL = {"pool_class": "ledger.broker.Pool"}  # as the settings have it where Sentinels are named


def until(true: Callable[[], Any], within_s: float = 60) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Watch:
    """A primary, a replica, and three Sentinels that watch them, as real processes on the loopback."""

    def __init__(self, folder: Path) -> None:
        _, self.program = binaries(find_home(django_settings.STATE_DIR))
        self.folder = folder
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.servers = [self.server(), self.server()]
        self.admin(self.servers[1]).replicaof("127.0.0.1", str(self.servers[0]))
        self.sentinels = [self.sentinel(n) for n in range(3)]
        until(lambda: self.admin(self.servers[1]).info("replication")["master_link_status"] == "up")
        until(lambda: all(self.known(port) for port in self.sentinels))

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://:{QUOTED}@{hosts}/{MINE}/0"

    def start(self, port: int, *arguments: str) -> int:
        folder = self.folder / str(port)
        folder.mkdir(exist_ok=True)
        command = [str(self.program), *arguments, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self.processes[port] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        return port

    def server(self) -> int:
        port = self.start(free_port(), "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--save", "")
        until(lambda: self.answers(port))
        return port

    def sentinel(self, n: int) -> int:
        file = self.folder / f"sentinel-{n}.conf"
        file.write_text(
            f'sentinel monitor {MINE} 127.0.0.1 {self.servers[0]} 2\nsentinel auth-pass {MINE} "{PASSWORD}"\n'
            f"sentinel down-after-milliseconds {MINE} 500\nsentinel failover-timeout {MINE} 2000\n"
        )
        return self.start(free_port(), str(file), "--sentinel")

    def admin(self, port: int) -> "redis.Redis[Any]":
        return redis.Redis(port=port, password=PASSWORD, decode_responses=True)

    def answers(self, port: int) -> bool:
        try:
            return bool(self.admin(port).ping())
        except redis.ConnectionError:
            return False

    def known(self, port: int) -> bool:
        """Whether this Sentinel knows the replica and the two others."""
        try:
            state = redis.Redis(port=port, decode_responses=True).sentinel_master(MINE)
        except redis.RedisError:
            return False
        return (state["num-slaves"], state["num-other-sentinels"]) == (1, 2)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def watch(tmp_path: Path, settings: Any) -> Iterator[Watch]:
    watch = Watch(tmp_path)
    settings.REDIS_URL = watch.url
    settings.CACHES = {"default": {**django_settings.CACHES["default"], "LOCATION": [watch.url], "OPTIONS": POOL}}
    for asked in (alive._broker, waking._broker):
        asked.cache_clear()
    yield watch
    for asked in (alive._broker, waking._broker):
        asked.cache_clear()
    watch.end()


def names() -> list[str]:
    try:
        return [one.name for one in alive.heard()]
    except redis.RedisError:
        return []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "freezes"])
def test_when_the_primary_is_gone_all_go_on_with_the_one_that_takes_over(watch, monkeypatch, how):
    monkeypatch.setattr(alive, "APART_S", 0.0)
    celery = watched(watch.url)
    alive.say("before")
    waking.wake()
    assert (names(), waking.wait(5)) == (["before"], True)
    cache.set("asked", 1)
    with Connection(celery.celery_url, transport_options=celery.celery_options) as rung:
        rung.SimpleQueue("bell").put("first")

        watch.processes[watch.servers[0]].send_signal(how)

        until(lambda: alive.say("after") or "after" in names())
        until(lambda: waking.wake() or waking.wait(0.5))
        until(lambda: put(celery, "second"))
        until(counts)
    assert watch.admin(watch.servers[1]).llen("bell") >= 1
    assert client().info("replication")["role"] == "master"


def counts() -> bool:
    try:
        cache.set("asked", 2)
    except redis.RedisError:
        return False
    return cache.get("asked") == 2


def put(celery: Any, message: str) -> bool:
    try:
        with Connection(celery.celery_url, transport_options=celery.celery_options) as anew:
            anew.SimpleQueue("bell").put(message)
    except anew.connection_errors:
        return False
    return True


def test_an_address_names_the_sentinels_the_primary_and_what_the_servers_ask_for():
    found = watched("redis+sentinel://me:p%40ss@one,two:5000,[::1]:26380/the%20bell/3")
    assert found.sentinels == (("one", 26379), ("two", 5000), ("::1", 26380))
    assert (found.name, found.db, found.username, found.password) == ("the bell", 3, "me", "p%40ss")
    assert watched("redis://:secret@one:6379/0") is None


@pytest.mark.parametrize("url", ["one:26379", ":hush@one/", ":hush@/bell", ":hush@one/bell/first", ":hush@one,/bell"])
def test_half_an_address_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match=r"must be like|without a name") as refusal:
        watched(f"redis+sentinel://{url}")
    assert "hush" not in str(refusal.value)
