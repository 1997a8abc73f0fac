import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.reading.kinds import HTML
from ingestion.reading.sandbox import SANDBOX, Sandbox
from ledger.failures import Malformed
from ledger.reasons import Reason

PAGE = b"<html><p>harbour</p></html>"
SLOW = b"<html>" + b"<p>ferry " * 2_000_000  # seconds of work
MIB = 1 << 20


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def pid_of(sandbox: Sandbox) -> int:
    sandbox.parse(HTML, PAGE)
    assert sandbox.child
    return sandbox.child.pid


def gone(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("limits", "detail"), [({"cpu_s": 0.05}, "CPU time"), ({"wall_s": 0.05}, "wall-clock time")])
def test_a_file_that_takes_too_long_is_too_complex_and_the_next_one_is_read(sandbox, limits, detail):
    with pytest.raises(Malformed, match=detail) as caught:
        sandbox.parse(HTML, SLOW, **limits)

    assert caught.value.reason == Reason.TOO_COMPLEX
    assert sandbox.parse(HTML, PAGE).text == "harbour"


def test_a_file_that_takes_too_much_memory_is_too_complex_and_the_next_one_is_read():
    sandbox = Sandbox(memory_bytes=160 * MIB)

    with pytest.raises(Malformed) as caught:
        sandbox.parse(HTML, SLOW)

    assert caught.value.reason == Reason.TOO_COMPLEX
    assert sandbox.parse(HTML, PAGE).text == "harbour"
    sandbox.close()


def test_more_text_than_allowed_is_too_complex(sandbox):
    with pytest.raises(Malformed) as caught:
        sandbox.parse(HTML, b"<html><pre>" + b"ferry\n" * 9_000_000)

    assert caught.value.reason == Reason.TOO_COMPLEX


def test_a_child_that_grew_large_is_replaced(sandbox):
    first = pid_of(sandbox)

    sandbox.parse(HTML, b"<html>" + b"<p>" * 100 + b"ferry " * 8_000_000)

    assert gone(first)
    assert pid_of(sandbox) != first


def test_a_child_that_was_killed_while_idle_is_replaced_and_no_file_fails(sandbox):
    pid = pid_of(sandbox)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert sandbox.parse(HTML, PAGE).text == "harbour"


def test_an_interrupted_reading_leaves_no_answer_for_the_next_file(sandbox):
    class Interruption(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGUSR1, interrupt)
    pid_of(sandbox)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    with pytest.raises(Interruption):
        sandbox.parse(HTML, SLOW)
    signal.signal(signal.SIGUSR1, before)

    assert sandbox.parse(HTML, PAGE).text == "harbour"


def test_the_child_inherits_neither_environment_nor_sockets(sandbox, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "open sesame")
    with socket.socket() as connection:
        connection.set_inheritable(True)
        process = Path(f"/proc/{pid_of(sandbox)}")

        assert b"sesame" not in (process / "environ").read_bytes()
        targets = [str(fd.readlink()) for fd in (process / "fd").iterdir()]
        assert not [target for target in targets if target.startswith("socket:")]


def test_the_child_may_not_write_files_dump_core_or_take_all_memory(sandbox):
    limits = Path(f"/proc/{pid_of(sandbox)}/limits").read_text()
    soft = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}

    assert (soft["Max file size"], soft["Max core file size"], soft["Max address space"]) == ("0", "0", str(2048 * MIB))


def test_the_child_starts_without_django(sandbox):
    assert "django" not in Path(f"/proc/{pid_of(sandbox)}/maps").read_text()
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import child; print('django' in sys.modules)"
    folder = Path(sys.modules[Sandbox.__module__].__file__ or "").parent
    said = subprocess.run([sys.executable, "-I", "-c", probe, str(folder)], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"


def test_the_child_ends_when_its_process_is_killed():
    script = "from tests.reading.test_sandbox import *; print(pid_of(SANDBOX), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        child = int(worker.stdout.readline())
        assert not gone(child, within_s=0)
        worker.kill()

    assert gone(child)


def test_a_fork_gets_a_child_of_its_own_and_holds_no_pipe_of_its_parents():
    ours = pid_of(SANDBOX)
    assert SANDBOX.child and SANDBOX.child.stdin and SANDBOX.child.stdout
    pipes = {Path(f"/proc/self/fd/{p.fileno()}").readlink() for p in (SANDBOX.child.stdin, SANDBOX.child.stdout)}
    if not (fork := os.fork()):
        try:
            held = {fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()}
            fresh = pid_of(SANDBOX) != ours
            SANDBOX.close()
            os._exit(0 if fresh and not pipes & held else 1)
        finally:
            os._exit(2)

    assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 0
    assert pid_of(SANDBOX) == ours


def test_threads_take_turns(sandbox):
    said: dict[int, str] = {}

    def ask(n: int) -> None:
        said[n] = sandbox.parse(HTML, f"<html><p>ferry {n}</html>".encode()).text

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == {n: f"ferry {n}" for n in range(20)}
