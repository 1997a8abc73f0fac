"""Words planted in names, contents, addresses and secrets of a real run turn up in nothing that is told of it."""

import base64
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.request import Request, urlopen

import psycopg
import pytest
import redis

from config import embedded
from tests.conftest import ROOT, Store
from tests.faces.test_up import free_port
from tests.peers.collector import Collector, collecting
from tests.peers.github import GitHub

KEY = "sesame-planted-key"
MARKS = ("zanzibar-folder", "ypsilon-letter", "quagmire", "marker.person@planted.example", KEY)
METRICS_OPEN_TO = "who-brings-this"
BODIES = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")  # a message's body goes as base64


def plant(root: Path) -> Path:
    folder = root / MARKS[0]
    folder.mkdir()
    said = f"{MARKS[2]} Ltd has been led by Ruth Adeyemi since 2019. Write to {MARKS[3]}.\n"
    (folder / f"{MARKS[1]}.md").write_text(f"# Re: {MARKS[2]}\n\nFrom: {MARKS[3]}\n\n{said}")
    (folder / f"{MARKS[1]}.pdf").write_bytes(b"%PDF-1.7\n" + said.encode() + b"%%EOF")
    (folder / f"{MARKS[1]}.html").write_text(f"<html><body>{'<div>' * 100_000}{said}")
    (folder / f"{MARKS[1]}.docx").write_bytes(b"PK\x03\x04" + said.encode())
    (folder / f"{MARKS[1]}-closed.md").write_text(said)
    (folder / f"{MARKS[1]}-closed.md").chmod(0)
    return folder


def written(store: Store) -> dict[str, str]:
    """What the product wrote down beside its database's own files and the payloads: logs, the broker's dump."""
    kept = ("payloads", "postgres")
    found = {}
    for root in {store.state_dir, (store.state_dir / "servers").resolve()}:  # a link, where root runs the servers
        for path in root.rglob("*"):
            if path.is_file() and not any(part in kept for part in path.relative_to(root).parts):
                found[str(path)] = told_in(path.read_bytes())
    return found


def told_in(data: bytes) -> str:
    """The text, with what of it is base64 in plain."""
    plain = (base64.b64decode(found[: len(found) // 4 * 4]) for found in BODIES.findall(data))
    return b"\n".join([data, *plain]).decode(errors="replace").lower()


@pytest.fixture
def repository() -> Iterator[GitHub]:
    """A remote source that answers to who brings the secret."""
    server = GitHub()
    server.token = KEY
    server.repository.files = {f"{MARKS[1]}.md": f"# {MARKS[2]}\n\nOf {MARKS[3]}, in the repository.\n".encode()}
    server.repository.commit()
    yield server
    server.peer.close()


@contextmanager
def overheard(store: Store) -> Iterator[list[bytes]]:
    """All that is said to the broker meanwhile: messages, and events of the workers."""
    heard: list[bytes] = []
    with (
        closing(
            redis.Redis.from_url(embedded.addresses(store.state_dir).redis_client_url, socket_timeout=None)
        ) as client,
        client.monitor() as monitor,
    ):

        def listen() -> None:
            try:
                for said in monitor.listen():
                    heard.append(said["command"].encode())
            except (redis.RedisError, ValueError, OSError, AttributeError):
                return  # it was closed

        thread = Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        monitor.connection.disconnect()
        thread.join(5)


@contextmanager
def everything_up(store: Store, environment: Mapping[str, str]) -> Iterator[Callable[[], str]]:
    """All programs of an installation, each with its log; gives what answers with the metrics."""
    port = free_port()
    given = store.environment | environment | {"SLUICEGATE_WEB_PORT": str(port), "SLUICEGATE_WORKER_CONCURRENCY": "1"}
    command = [sys.executable, "manage.py", "up", "--no-flower", "--quiet"]
    process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def metrics() -> str:
        request = Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {METRICS_OPEN_TO}"})
        with urlopen(request, timeout=10) as answer:  # noqa: S310  always http on the loopback
            return str(answer.read().decode())

    try:
        yield metrics
    finally:
        process.terminate()
        process.wait(60)


def until_rolled_up(metrics: Callable[[], str]) -> str:
    """What is told once the dispatcher has summed up that something was applied."""
    end = time.monotonic() + 60
    while True:
        try:
            told = metrics()
        except OSError:
            told = ""
        if re.search(r'sluicegate_stage_cpu_seconds_total\{stage="apply"\}', told):
            return told
        assert time.monotonic() < end, told
        time.sleep(0.2)


@dataclass
class Work:
    """A real run, all of it: two sources, one with a secret, what fails in them, and what commands say of it."""

    store: Store
    repository: GitHub
    folder: Path
    environment: dict[str, str]
    said: list["subprocess.CompletedProcess[str]"] = field(default_factory=list)

    def manage(self, *arguments: str, **more: str) -> None:
        self.said.append(self.store.manage(*arguments, **self.environment, **more))

    def do(self, key: Path) -> str:
        """Do it; return the metrics in the end."""
        options = [
            part for name, value in self.repository.options().items() for part in ("--option", f"{name}={value}")
        ]
        self.manage("sources", "add", "distant", "--kind", "github", "--consent", "--secret", f"token=@{key}", *options)
        with everything_up(self.store, self.environment) as metrics:
            self.manage("sources", "sync", "distant", "--wait", "--json")
            self.manage("ingest", str(self.folder), "--name", "planted", "--json")
            self.manage("ingest", str(self.folder), "--name", "planted", "--json", SLUICEGATE_SIZE_LIMIT_BYTES="1")
            self.repository.token = "another"  # noqa: S105  the key is refused from now on
            self.manage("sources", "sync", "distant", "--wait", "--json")
            told = until_rolled_up(metrics)
        self.manage("recover")
        return told


@pytest.mark.timeout(600)
def test_what_was_planted_is_found_in_no_log_message_trace_metric_or_event(
    store: Store, tmp_path: Path, repository: GitHub
) -> None:
    (tmp_path / "key").write_text(KEY)
    with collecting() as collector, overheard(store) as heard:
        environment = {
            "SLUICEGATE_LOG_LEVEL": "DEBUG",
            "SLUICEGATE_LOG_FORMAT": "json",
            "SLUICEGATE_TRACES": "otlp",
            "SLUICEGATE_TRACES_URL": collector.url,
            "SLUICEGATE_METRICS_TOKEN": METRICS_OPEN_TO,
        }
        work = Work(store, repository, plant(tmp_path), environment)
        told = work.do(tmp_path / "key")

    with psycopg.connect(embedded.addresses(store.state_dir).database_url) as connection:
        events = "".join(row[0] for row in connection.execute("SELECT e::text FROM ledger_event e"))
        [(known,)] = connection.execute("SELECT count(*) FROM patches_passage WHERE text ILIKE '%quagmire%'")
        [(sealed,)] = connection.execute("SELECT sealed FROM handoffs_secret")
    seen = {"events": events.lower(), "metrics": told.lower(), "sealed": told_in(sealed.encode())}
    seen |= {"traces": "\n".join(map(str, collector.requests)).lower(), "broker": "\n".join(map(told_in, heard))}
    seen |= {f"output {n}": (one.stdout + one.stderr).lower() for n, one in enumerate(work.said)} | written(store)
    assert known >= 2  # both sources were read, and are where they belong
    see_that_there_is_something_to_search(work, seen, collector)
    assert {(name, mark) for name, text in seen.items() for mark in MARKS if mark in text} == set()


def see_that_there_is_something_to_search(work: Work, seen: Mapping[str, str], collector: Collector) -> None:
    added, listed, ingested, _, refused, *_ = work.said
    assert (added.returncode, listed.returncode) == (0, 0), listed.stderr + listed.stdout
    assert ingested.returncode in (0, 1), ingested.stderr
    assert work.repository.peer.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(refused.stdout)["syncs"][0]["reason"] == "key_refused"
    assert any('"flight"' in text for name, text in seen.items() if name.endswith("worker.log"))
    assert any("appendonly" in name for name in seen), sorted(seen)
    assert '"traceparent": "00-' in seen["broker"] and "task-started" in seen["broker"]
    spans = collector.spans()
    assert {span.name for span in spans} >= {"sync", "dispatch", "stage fetch", "stage apply"}
    assert any(span.name == "sync" and span.error for span in spans)  # the one whose key was refused
