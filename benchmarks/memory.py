"""Whether processes that run for long stay as large as they were once they were warm: the console's, and a worker."""

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.urls import reverse

from benchmarks.crowded import fill as crowd
from benchmarks.filling import empty, fill
from benchmarks.report import ROOT, Report
from benchmarks.workers import worker
from ingestion import dispatch
from ingestion.ingesting import POLL_S
from ingestion.stack import HOST, programs
from ledger import statements

BUDGET = 1.10
SAMPLES = 20
ABOARD = 4  # runs of a flight
RUNS = 2_000  # in the store that the console shows
READY_S = 60.0
LISTS = ("handoffs_source", "handoffs_handoff", "ingestion_ingestrun", "ingestion_quarantine", "patches_patchbatch")
ENDED = "SELECT count(*) FROM ingestion_flight WHERE status = 'landed'"
RSS = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Grown:
    """MiB that the processes hold: in the second fifth of `times` rounds, and in the last one."""

    times: int
    begin: float
    end: float

    @property
    def ratio(self) -> float:
        return self.end / self.begin


def measure(report: Report, *, requests: int, flights: int) -> None:
    """Ask the console for pages, have a worker take flights, and look how large they are all along."""
    try:
        found = {"console": _console(requests), "worker": _worker(flights)}
    finally:
        empty()
    report.memory = {name: {**asdict(grown), "ratio": grown.ratio} for name, grown in found.items()}
    for (name, grown), what in zip(found.items(), ("requests", "flights"), strict=True):
        verdict = "met" if grown.ratio <= BUDGET else "MISSED"
        print(
            f"  memory of the {name} over {grown.times} {what}: {grown.begin:.1f} MiB, then {grown.end:.1f} MiB, "
            f"RATIO {grown.ratio:.3f} (budget ≤ {BUDGET:g}: {verdict})",
            flush=True,
        )


def _console(requests: int) -> Grown:
    crowd(RUNS)
    pages = [reverse("admin:index"), *(reverse(f"admin:{name}_changelist") for name in LISTS)]
    pages += [reverse("admin:ingestion_ingestrun_change", args=[n]) for n in range(1, 50)]
    cookie = {"Cookie": f"sessionid={_session()}"}
    with _gunicorn() as (port, process):

        def ask(n: int) -> None:
            with closing(HTTPConnection(HOST, port, timeout=30)) as connection:
                connection.request("GET", pages[n % len(pages)], headers=cookie)
                if (status := connection.getresponse().status) != 200:
                    raise SystemExit(f"{pages[n % len(pages)]} answers {status}: the measurement is void")

        return _grown(requests, ask, lambda: _rss_mib(process))


def _session() -> str:
    client = Client(SERVER_NAME="localhost")
    user, _ = get_user_model()._default_manager.get_or_create(username="bench", is_staff=True, is_superuser=True)
    client.force_login(user)
    return str(client.cookies["sessionid"].value)


@contextmanager
def _gunicorn() -> Iterator[tuple[int, int]]:
    """The console as `manage.py up` runs it; gives its port and its process once it answers."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with override_settings(WEB_PORT=port):
        [program] = [one for one in programs(web=True, flower=False) if one.name == "console"]
    process = subprocess.Popen(program.command, cwd=ROOT)  # noqa: S603
    try:
        deadline = time.monotonic() + READY_S
        while socket.socket().connect_ex((HOST, port)):
            if time.monotonic() > deadline:
                raise SystemExit(f"the console does not answer within {READY_S:.0f} s")
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(READY_S)


def _worker(flights: int) -> Grown:
    fill(flights * ABOARD, text=lambda n: f"Ann Smith {n} has been the director of the Trust {n} since 2019.\n" * 20)
    with (
        override_settings(FLIGHT_RUNS=ABOARD, OPEN_FLIGHTS=3),
        worker("config", concurrency=1) as process,
    ):

        def take(n: int) -> None:
            while statements.rows(ENDED)[0][0] <= n:
                dispatch.tick()
                dispatch.wait(POLL_S)

        return _grown(flights, take, lambda: _rss_mib(process))


def _grown(times: int, deed: Callable[[int], None], size: Callable[[], float]) -> Grown:
    sizes: list[float] = []
    for n in range(times):
        deed(n)
        if n % max(1, times // SAMPLES) == 0:
            sizes.append(size())
    fifth = max(1, len(sizes) // 5)
    return Grown(times, median(sizes[fifth : 2 * fifth]), median(sizes[-fifth:]))


def _rss_mib(process: int) -> float:
    """Of the processes that it has started: those of its pool, without what they start for a moment."""
    return sum(_rss_kib(pid) for pid in _children(process)) / 1024


def _rss_kib(process: int) -> int:
    try:
        told = RSS.search(Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0
    return int(told[1]) if told else 0


def _children(process: int) -> Sequence[int]:
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
