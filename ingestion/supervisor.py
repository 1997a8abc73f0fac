"""Keep programs running as children of this process: start them, start them again when they die, end them together."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

POLL_S = 0.2
STOP_S = 25.0
PUMP_S = 2.0
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 60.0
LIVED_WELL_S = 60.0  # who lived as long is started again after the first delay
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None)  # opened here: between fork and exec the loader's lock may be held for ever

Say = Callable[[str, str], None]  # (who, one line)


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)  # beside what this process has


class Child:
    """One program and the process that it is now, if it is one."""

    def __init__(self, program: Program, *, cwd: Path, say: Say, log: IO[bytes] | None) -> None:
        self.program, self.cwd, self.say, self.log = program, cwd, say, log
        self.process: subprocess.Popen[bytes] | None = None
        self.pump: Thread | None = None
        self.delay_s = FIRST_DELAY_S
        self.due = self.began = time.monotonic()

    def look_after(self) -> None:
        """Start the program when it is due; note it when it has ended."""
        if self.process and self.process.poll() is not None:
            self._ended(self.process)
        elif not self.process and time.monotonic() >= self.due:
            self._start()

    def terminate(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def kill(self) -> None:
        """End the process and whatever it started, if anything is left of them."""
        if self.process:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.pump:
            self.pump.join(PUMP_S)

    @property
    def gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def _start(self) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603  our own commands
            self.program.command,
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.log or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is ours to pass on, and its group is its children's too
            preexec_fn=self._become,  # noqa: PLW1509  the threads that run only read pipes
        )
        if self.process.stdout:
            self.pump = Thread(target=self._tell, args=(self.process.stdout,), daemon=True)
            self.pump.start()

    def _become(self) -> None:
        """In the child, between fork and exec."""
        die_with_parent()
        for name, value in self.program.environment.items():
            os.environ[name] = value

    def _tell(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self.say(self.program.name, line.decode(errors="replace").rstrip())

    def _ended(self, process: "subprocess.Popen[bytes]") -> None:
        now = time.monotonic()
        self.kill()  # a pool whose parent was killed would go on with work that nobody counts
        self.process = None
        if now - self.began >= LIVED_WELL_S:
            self.delay_s = FIRST_DELAY_S
        self.say("up", f"{self.program.name} {_how(process.returncode)}; it is started again in {self.delay_s:g} s")
        self.due = now + self.delay_s
        self.delay_s = min(2 * self.delay_s, LONGEST_DELAY_S)


def supervise(
    programs: Sequence[Program],
    *,
    cwd: Path,
    say: Say,
    logs: Path | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Run the programs until SIGTERM, SIGINT or SIGHUP; whatever has not ended after STOP_S seconds is killed.

    Each line of their output is given to `say`, or written to `<logs>/<name>.log`. A second signal kills at once.
    Call it in the main thread: a child ends with the thread that started it.
    """
    asked: list[int] = []
    with ExitStack() as left:
        for number in ENDING:
            left.callback(signal.signal, number, signal.signal(number, lambda got, _: asked.append(got)))
        children = []
        for program in programs:
            log = left.enter_context((logs / f"{program.name}.log").open("ab")) if logs else None
            children.append(Child(program, cwd=cwd, say=say, log=log))
            left.callback(children[-1].kill)
        while not asked:
            for child in children:
                child.look_after()
            meanwhile()
            time.sleep(POLL_S)
        say("up", "ending")
        for child in children:
            child.terminate()
        patience = time.monotonic() + STOP_S
        while not all(child.gone for child in children) and time.monotonic() < patience and len(asked) == 1:
            time.sleep(POLL_S / 4)


def die_with_parent() -> None:
    """For a child, between fork and exec: have SIGTERM when the parent is gone, however it went."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _how(status: Any) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
