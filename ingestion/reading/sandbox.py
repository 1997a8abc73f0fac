"""Parsers of hostile formats run in a child process with limits on memory and time; what it dies of is too complex.

One child serves its process, one file after the other, and is started again when it died. It inherits neither
environment nor sockets, and ends when its standard input does.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.reading.child import MEMORY_BYTES, receive, send
from ledger.failures import Malformed
from ledger.reasons import Reason

CHILD = Path(__file__).with_name("child.py")
CPU_S, WALL_S = 30.0, 120.0  # of work, and of waiting: a busy machine must not change what can be read
DEATHS = {signal.SIGPROF: "CPU time", signal.SIGALRM: "wall-clock time", signal.SIGSEGV: "stack or a parser's mistake"}


@dataclass(frozen=True)
class Parsed:
    """What a parser found; `titles` and `dates` are candidates as they are written, best first."""

    text: str
    titles: Sequence[str]
    dates: Sequence[str]


class Sandbox:
    """The child of this process. Safe to use from threads: one file at a time."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self.memory_bytes = memory_bytes
        self.lock = threading.Lock()
        self.child: subprocess.Popen[bytes] | None = None

    def parse(self, kind: str, data: bytes, *, cpu_s: float = CPU_S, wall_s: float = WALL_S) -> Parsed:
        """Return what `data` of media type `kind` says. Raises Malformed; TOO_COMPLEX when a limit was reached."""
        with self.lock:
            try:
                header, body = self.ask({"kind": kind, "cpu_s": cpu_s, "wall_s": wall_s}, data)
            except BaseException:
                self.close()  # the answer to come would be taken for that of the next file
                raise
            if header["last"]:
                self.close()
        if "reason" in header:
            raise Malformed(Reason(header["reason"]), header["detail"])
        return Parsed(body.decode(), header["titles"], header["dates"])

    def ask(self, question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        child = self.running()
        assert child.stdin and child.stdout  # noqa: S101 (both are pipes, for the type checker)
        try:
            send(child.stdin, json.dumps(question), data)
            header, body = receive(child.stdout)
        except (BrokenPipeError, EOFError) as exc:
            death = DEATHS.get(signal.Signals(-code)) if (code := child.wait()) < 0 else None
            raise Malformed(Reason.TOO_COMPLEX, f"the parser ran out of {death or 'memory'}") from exc
        return json.loads(header), body

    def running(self) -> subprocess.Popen[bytes]:
        if self.child and self.child.poll() is not None:
            self.close()
        if not self.child:
            self.child = subprocess.Popen(  # noqa: S603 (nothing in it comes from outside)
                [sys.executable, "-I", "-B", str(CHILD), str(self.memory_bytes)],  # -I: no PYTHON* variable, no cwd
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2"},  # an arena a thread would use up the address space
                cwd="/",
                start_new_session=True,  # Ctrl-C in a terminal reaches whole groups
            )
        return self.child

    def close(self) -> None:
        if self.child:
            self.child.kill()
            with self.child:  # closes the pipes and waits
                self.child = None

    def forget(self) -> None:
        """After a fork the child belongs to the parent: close our copies of its pipes, or it would not see it end."""
        self.lock = threading.Lock()
        if self.child:
            for pipe in filter(None, (self.child.stdin, self.child.stdout)):
                os.close(pipe.fileno())  # not pipe.close(): it would flush the parent's bytes
            self.child.returncode = 0
            self.child = None


SANDBOX = Sandbox()
atexit.register(SANDBOX.close)
os.register_at_fork(after_in_child=SANDBOX.forget)
