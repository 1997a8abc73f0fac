"""A repository over git itself: its branch, its tree, and those of its files that are asked for, no history."""

import os
import re
import shutil
import signal
import ssl
import subprocess
import tempfile
import weakref
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote, urlsplit
from urllib.request import getproxies, proxy_bypass

from ingestion.connectors.github.files import Entered
from ingestion.connectors.github.keys import Key
from ingestion.connectors.local_files import escape
from ledger.failures import Auth, Failure, Gone, Malformed, RateLimited, Timeout, Transient
from ledger.reasons import Reason

ASK_S, FETCH_S = 60, 1_800
A_MINUTE = timedelta(minutes=1)
UNAUTHORIZED, FORBIDDEN, BUSY = 401, 403, 429
MISSING = frozenset({404, 410, 451})
STATUS = re.compile(r"(?:returned error: |HTTP )(\d{3})")
NOT_THERE = re.compile(r"repository '[^']*' not found|Repository not found")
UNTRUSTED = re.compile(r"certificate (?:verification failed|problem)|SSL: no alternative certificate")
SLOW = re.compile(r"too slow|timed out", re.IGNORECASE)
# What git does by itself or by the machine's configuration is turned off: it asks one host, and runs nothing else.
SETTINGS = {
    "protocol.version": "2",
    "credential.helper": "",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}


class Remote:
    """A repository at a URL. What was fetched of it lies in a folder that vanishes with this.

    git has one exit status for all that goes wrong: what it was is read from what it says.
    """

    def __init__(self, url: str, key: Key) -> None:
        found = shutil.which("git")
        if found is None:
            raise ValueError("git is not installed here: install it, or do without transport=git and the wiki")
        self.program, self.url, self.key = found, url, key
        self.folder: Path | None = None
        self.reader: subprocess.Popen[bytes] | None = None

    def head(self, branch: str) -> str:
        """Return the commit that a branch or tag, or by "" the default branch, is at; "" if there is none."""
        wanted = ["HEAD"]
        if branch:
            wanted = [f"refs/heads/{branch}", f"refs/tags/{branch}^{{}}", f"refs/tags/{branch}"]
        said = self._git("ls-remote", "--", self.url, *wanted, timeout_s=ASK_S, signed=True).decode("utf-8", "replace")
        found = {name: sha for sha, _, name in (line.partition("\t") for line in said.splitlines())}
        return next((found[name] for name in wanted if name in found), "")

    def tree(self, commit: str) -> Iterator[Entered]:
        """Yield what is in the commit. Fetches its trees, and no file where the server can leave them out."""
        self._fetch([commit], "--depth=1")
        told = self._git("ls-tree", "-r", "-z", "--full-tree", commit, timeout_s=ASK_S)
        for row in told.split(b"\0")[:-1]:
            about, _, path = row.partition(b"\t")
            mode, _, sha = about.decode("ascii").split(" ")
            yield Entered(escape(path), mode, sha)

    def fetch(self, blobs: Iterable[str]) -> None:
        """Have the bytes of these at hand, by one request for all."""
        self._fetch(blobs)

    def blob(self, sha: str, limit_bytes: int) -> bytes | None:
        """Return the bytes, None if they are not at hand. Raises Malformed (TOO_LARGE) above the limit."""
        about = self._ask(f"info {sha}").split()
        if about[1:2] != [b"blob"]:
            return None
        if int(about[2]) > limit_bytes:
            raise Malformed(Reason.TOO_LARGE)
        size_bytes = int(self._ask(f"contents {sha}").split()[2])
        return self._answers().read(size_bytes + 1)[:-1]

    def _ask(self, said: str) -> bytes:
        """Ask a process that gives out what is at hand: one for all, as there may be thousands to read."""
        if self.reader is None:
            self.reader = subprocess.Popen(  # noqa: S603  our own arguments
                [self.program, "cat-file", "--batch-command"],
                cwd=self._place(),
                env=self._environment(signed=False),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self.ending = weakref.finalize(self, _end, self.reader)
        wire = cast("IO[bytes]", self.reader.stdin)
        with suppress(BrokenPipeError):
            wire.write(f"{said}\n".encode())
            wire.flush()
        if not (answer := self._answers().readline()):  # some versions end at what is not at hand
            self.ending()
            self.reader = None
        return answer

    def _answers(self) -> IO[bytes]:
        return cast("IO[bytes]", cast("subprocess.Popen[bytes]", self.reader).stdout)

    def _fetch(self, objects: Iterable[str], *how: str) -> None:
        told = ("--no-tags", "--no-write-fetch-head", "--quiet", "--filter=blob:none", "--stdin", *how)
        wanted = "".join(f"{sha}\n" for sha in objects).encode()
        self._git("fetch", *told, "--", self.url, given=wanted, timeout_s=FETCH_S, signed=True)

    def _git(self, *said: str, timeout_s: float, given: bytes = b"", signed: bool = False) -> bytes:
        process = subprocess.Popen(  # noqa: S603  our own arguments, and behind "--" those of the options
            [self.program, *said],
            cwd=self._place(),
            env=self._environment(signed=signed),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # with what it starts in turn, so that all of it can be ended
        )
        try:
            answer, complaint = process.communicate(given, timeout=timeout_s)
        except BaseException as exc:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(exc, subprocess.TimeoutExpired):
                raise Timeout(Reason.REMOTE_SLOW, f"git took more than {timeout_s:g} s") from exc
            raise
        if process.returncode:
            failure = refusal(complaint.decode("utf-8", "replace"))
            if isinstance(failure, Auth):
                self.key.refused()
            raise failure
        return answer

    def _place(self) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="sluicegate-git-"))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            self._git("init", "--bare", "--quiet", timeout_s=ASK_S)
        return self.folder

    def _environment(self, *, signed: bool) -> Mapping[str, str]:
        """What git is to know, and nothing of this machine. The key is in no argument, as all could read those."""
        told = dict(SETTINGS)
        if trusted := ssl.get_default_verify_paths().cafile:
            told["http.sslCAInfo"] = trusted
        scheme, host = urlsplit(self.url)[:2]
        proxy = getproxies().get(scheme)
        if proxy and not proxy_bypass(host):
            told["http.proxy"] = proxy
        if signed and (token := self.key.token()):
            basic = b64encode(f"x-access-token:{token}".encode()).decode("ascii")
            told[f"http.{scheme}://{host}/.extraHeader"] = f"Authorization: Basic {basic}"
        names = {f"GIT_CONFIG_{part}_{n}": text for n, row in enumerate(told.items()) for part, text in _named(row)}
        return names | {
            "GIT_CONFIG_COUNT": str(len(told)),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "GIT_ALLOW_PROTOCOL": scheme if signed else "none",  # reading what is not at hand asks nobody
            "GIT_CEILING_DIRECTORIES": str(cast("Path", self.folder).parent),
            "HOME": str(self.folder),
            "LC_ALL": "C",
        }


def _named(row: tuple[str, str]) -> Iterator[tuple[str, str]]:
    return zip(("KEY", "VALUE"), row, strict=True)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    with suppress(BrokenPipeError):  # of what it was still to be asked
        process.communicate()


def address(url: str, repository: str) -> str:
    """Return where git finds a repository, for the address that people know."""
    parts = urlsplit(url.rstrip("/"))
    host = parts.netloc.removeprefix("www.").removeprefix("api.") if _is_githubs(parts.hostname or "") else parts.netloc
    return f"{parts.scheme}://{host}{parts.path.removesuffix('/api/v3')}/{quote(repository)}.git"


def _is_githubs(host: str) -> bool:
    return host.endswith((".ghe.com", "github.com"))


def refusal(said: str) -> Failure:
    """Return what git's complaint means."""
    told = STATUS.search(said)
    status = int(told[1]) if told else 0
    if status == BUSY:
        return RateLimited(Reason.REMOTE_BUSY, retry_after=A_MINUTE)
    if status in (UNAUTHORIZED, FORBIDDEN) or "could not read Username" in said or "Authentication failed" in said:
        return Auth(Reason.KEY_REFUSED, "the key is not accepted, or may not read the repository")
    if status in MISSING or NOT_THERE.search(said):
        return Gone(Reason.VANISHED, "no such repository, or the key may not see it")
    if UNTRUSTED.search(said):
        return Auth(Reason.UNTRUSTED, "the certificate is not valid for this host; see its dates, or add its CA")
    if SLOW.search(said):
        return Timeout(Reason.REMOTE_SLOW)
    return Transient(Reason.REMOTE_UNAVAILABLE, f"git could not read it{f': answered {status}' if status else ''}")
