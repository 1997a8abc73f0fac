"""Repositories behind git's own http-backend, on the loopback."""

import gzip
import os
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

from tests.peers.http import Answer, Peer, Request

ANN = {
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Ann"), ("EMAIL", "a"))
}
ALONE = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": os.devnull}


class Hub:
    """Serves the repositories below `folder`; with a `token`, only to who sends it as GitHub wants it."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.folder, self.token = folder, token
        self.peer = Peer(self.answer)
        self.url = self.peer.url

    def make(self, name: str, **settings: str) -> None:
        path = self.folder / f"{name}.git"
        self.git("init", "--bare", "--quiet", "--initial-branch=main", str(path))
        for key, value in {"uploadpack.allowFilter": "true", **settings}.items():
            self.git("-C", str(path), "config", key, value)

    def commit(self, name: str, files: Mapping[str, bytes], *, forced: bool = False, branch: str = "main") -> str:
        """Have these files, and no others, in a commit on top of the branch, or in the place of its history."""
        path = self.folder / f"{name}.git"
        ref = f"refs/heads/{branch}"
        head = self.git("-C", str(path), "rev-parse", "--verify", "-q", ref, fine=True).decode().strip()
        told = f"commit {ref}\ncommitter Ann <a> 1700000000 +0000\ndata 0\n".encode()
        told += f"from {head}\n".encode() if head and not forced else b""
        told += b"deleteall\n"
        for file, data in files.items():
            mode = "120000" if file.endswith(".link") else "100644"
            told += f'M {mode} inline "{file}"\ndata {len(data)}\n'.encode() + data + b"\n"
        if forced:
            self.git("-C", str(path), "update-ref", "-d", ref)
        self.git("-C", str(path), "fast-import", "--force", "--quiet", given=told)
        return self.git("-C", str(path), "rev-parse", ref).decode().strip()

    def git(self, *said: str, given: bytes = b"", fine: bool = False) -> bytes:
        done = subprocess.run(["git", *said], input=given, capture_output=True, env=ALONE | ANN, check=False)
        assert fine or not done.returncode, done.stderr.decode()
        return done.stdout

    def asked(self) -> list[str]:
        """What was asked since the last time: of a request to fetch, how many objects it wants."""
        found = [
            f"{request.path.rpartition('/')[2]}{'' if request.method == 'GET' else _what(request.body)}"
            for request in self.peer.asked
        ]
        self.peer.clear()
        return found

    def answer(self, request: Request) -> Answer:
        sent = request.headers.get("authorization", "")
        if self.token and sent != "Basic " + b64encode(f"x-access-token:{self.token}".encode()).decode():
            return Answer(401, b"", {"WWW-Authenticate": 'Basic realm="GitHub"'})
        if not (self.folder / request.path.lstrip("/").partition(".git/")[0]).with_suffix(".git").is_dir():
            return Answer(404, b"Repository not found.")
        about = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.target.partition("?")[2],
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=request.body,
            capture_output=True,
            env=ALONE | about,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        return Answer(int(headers.pop("Status", "200").split()[0]), body, headers)


def _what(body: bytes) -> str:
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return f" wants {wanted}" if (wanted := body.count(b"want ")) else " refs"
