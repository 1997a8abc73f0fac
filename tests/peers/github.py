"""GitHub, as far as we use it: the documented answers of its REST and GraphQL interfaces over a small repository model.

Hashes are git's own, and the files make real trees. Time is the peer's: a second passes with each change.
"""

import hashlib
import io
import json
import re
import tarfile
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from tests.peers.http import Answer, Peer, Request

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
REST, GRAPHQL = "/api/v3", "/api/graphql"
DOCS = "https://docs.github.com/rest"
ASKED_BLOB = re.compile(r"b(\d+): object\(oid: \"([0-9a-f]+)\"\)")


def git_hash(kind: str, data: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()  # noqa: S324  git's own


@dataclass
class Repository:
    """Files of the one branch, threads, and what was said in them; each deed is a commit or an update of its own."""

    name: str = "acme/orchard"
    files: dict[str, bytes] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    submodules: set[str] = field(default_factory=set)
    now: datetime = START
    head: str = ""
    objects: dict[str, tuple[str, Any]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)  # blobs that no commit has any more
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    reviews: dict[int, dict[str, Any]] = field(default_factory=dict)
    discussions: dict[int, dict[str, Any]] = field(default_factory=dict)
    serial: int = 0

    def tick(self) -> str:
        self.now += timedelta(seconds=1)
        return self.stamp()

    def stamp(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def commit(self, parent: str = "") -> None:
        """Put the files as they are into a commit on top of the head, or in its place: a force-push."""
        body = f"tree {self._tree('')}\nparent {parent or self.head}\nat {self.tick()}\n".encode()
        self.head = git_hash("commit", body)
        self.objects[self.head] = ("commit", self._tree(""))

    def _tree(self, prefix: str) -> str:
        below = sorted({path.removeprefix(prefix).partition("/")[0] for path in self.files if path.startswith(prefix)})
        rows = []
        for name in below:
            path = prefix + name
            if path in self.files:
                sha = git_hash("blob", self.files[path])
                self.objects[sha] = ("blob", self.files[path])
                mode = "120000" if path in self.links else "160000" if path in self.submodules else "100644"
                rows.append({"path": name, "mode": mode, "type": "blob", "sha": sha, "size": len(self.files[path])})
            else:
                rows.append({"path": name, "mode": "040000", "type": "tree", "sha": self._tree(path + "/")})
        sha = git_hash("tree", json.dumps(rows).encode())
        self.objects[sha] = ("tree", rows)
        return sha

    def walk(self, sha: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        for row in self.objects[sha][1]:
            yield row | {"path": prefix + row["path"]}
            if row["type"] == "tree":
                yield from self.walk(row["sha"], prefix + row["path"] + "/")

    def thread(self, title: str, body: str, *, pull: bool = False, **fields: Any) -> int:
        self.serial += 1
        at = self.tick()
        kind = "pull" if pull else "issues"
        self.issues[self.serial] = {
            "number": self.serial,
            "title": title,
            "body": body,
            "state": "open",
            "user": {"login": "ann"},
            "labels": [],
            "assignees": [],
            "milestone": None,
            "created_at": at,
            "updated_at": at,
            "closed_at": None,
            "html_url": f"https://github.com/{self.name}/{kind}/{self.serial}",
            **({"pull_request": {"merged_at": None}} if pull else {}),
            **fields,
        }
        return self.serial

    def say(self, number: int, body: str, *, line: str = "", **fields: Any) -> int:
        """Say something in a thread; with `line`, of that file in a review."""
        self.serial += 1
        at = self.tick()
        self.issues[number]["updated_at"] = at
        kind = "pull" if "pull_request" in self.issues[number] else "issues"
        said = {
            "id": self.serial,
            "body": body,
            "user": {"login": "ben"},
            "created_at": at,
            "updated_at": at,
            "html_url": f"https://github.com/{self.name}/{kind}/{number}#issuecomment-{self.serial}",
            **fields,
        }
        if line:
            self.reviews[self.serial] = said | {"path": line, "pull_request_url": f"{REST}/pulls/{number}"}
        else:
            self.comments[self.serial] = said | {"issue_url": f"{REST}/issues/{number}"}
        return self.serial

    def discuss(self, title: str, body: str) -> int:
        self.serial += 1
        at = self.tick()
        self.discussions[self.serial] = {
            "number": self.serial,
            "title": title,
            "body": body,
            "url": f"https://github.com/{self.name}/discussions/{self.serial}",
            "createdAt": at,
            "updatedAt": at,
            "closed": False,
            "closedAt": None,
            "author": {"login": "ann"},
            "category": {"name": "Ideas"},
            "labels": {"nodes": [{"name": "help"}]},
            "comments": [],
        }
        return self.serial

    def reply(self, number: int, body: str, to: int = 0) -> int:
        """Say something in a discussion, or in answer `to` what was said there."""
        self.serial += 1
        at = self.tick()
        discussion = self.discussions[number]
        discussion["updatedAt"] = at
        url = f"{discussion['url']}#discussioncomment-{self.serial}"
        said = {"databaseId": self.serial, "body": body, "url": url, "createdAt": at, "author": None}
        if to:
            next(each for each in discussion["comments"] if each["databaseId"] == to)["replies"].append(said)
        else:
            discussion["comments"].append(said | {"id": f"DC_{number}_{self.serial}", "replies": []})
        return self.serial


class GitHub:
    """The server. `token` is what it accepts; `page_most` cuts pages, `tree_most` trees short."""

    def __init__(self) -> None:
        self.peer = Peer(self.answer)
        self.reset()

    def reset(self) -> None:
        self.peer.heal()
        self.repository = Repository()
        self.token, self.page_most, self.tree_most = "ghp_the-token", 100, 100_000
        self.graphql_is_shut = self.archive_is_off = False
        self.ignored: set[str] = set()  # what attributes leave out of the archive
        self.remaining, self.apps_key = 4999, None

    @property
    def url(self) -> str:
        return self.peer.url

    def options(self) -> dict[str, Any]:
        return {"repository": self.repository.name, "url": self.url}

    def asked(self) -> list[str]:
        """The requests since they were last looked at, without the part that all have in common."""
        root = f"{REST}/repos/{self.repository.name}/"
        found = [f"{request.method} {request.target.removeprefix(root)}" for request in self.peer.asked]
        self.peer.clear()
        return found

    # what ails it

    def refuse(self, _: Request) -> Answer:
        return told(401, message="Bad credentials", documentation_url=DOCS)

    def primary(self, _: Request) -> Answer:
        reset = int(datetime.now(UTC).timestamp()) + 600
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return told(403, headers, message="API rate limit exceeded for user ID 1.", documentation_url=DOCS)

    def secondary(self, _: Request) -> Answer:
        page = f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"
        return told(403, message="You have exceeded a secondary rate limit.", documentation_url=page)

    def told_off(self, _: Request) -> Answer:
        return told(410, message="Issues are disabled for this repo", documentation_url=DOCS)

    def told(self, data: Any) -> Answer:
        return told(data=data)

    def busy(self, _: Request) -> Answer:
        return told(429, {"Retry-After": "600"}, message="Too many requests", documentation_url=DOCS)

    # what it says

    def answer(self, request: Request) -> Answer:
        self.remaining -= 1
        if request.path.startswith("/codeload/"):
            return self.archive()
        if request.path.startswith(f"{REST}/app/"):
            return self.installation(request)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if given != self.token:
            return self.refuse(request)
        if request.path == GRAPHQL:
            return self.graphql(json.loads(request.body))
        root = f"{REST}/repos/{self.repository.name}"
        if not request.path.startswith(root):
            return missing()
        return self.conditional(request, self.rest(unquote(request.path.removeprefix(root)).lstrip("/"), request))

    def conditional(self, request: Request, answer: Answer) -> Answer:
        """Entity tags hold for the token that they were given to."""
        said = answer.headers.get("ETag") or f'W/"{hashlib.sha256(self.token.encode() + answer.body).hexdigest()}"'
        counted = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": str(self.remaining), "ETag": said}
        if answer.status == 200 and request.headers.get("if-none-match") == said:
            return Answer(304, headers=counted)
        return Answer(answer.status, answer.body, counted | answer.headers)

    def rest(self, path: str, request: Request) -> Answer:
        if not path:
            return told(full_name=self.repository.name, private=True, default_branch="main")
        for pattern, deed in self.routes():
            if found := re.fullmatch(pattern, path):
                return deed(request, *found.groups())
        return missing()

    def routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        r = self.repository
        return [
            (r"commits/(.+)", self.commit),
            (r"git/trees/(\w+)", self.tree),
            (r"git/blobs/(\w+)", self.blob),
            (r"contents/(.+)", self.content),
            (r"tarball/(\w+)", self.tarball),
            (r"issues", lambda request: self.page(request, r.issues)),
            (r"issues/comments", lambda request: self.page(request, r.comments)),
            (r"pulls/comments", lambda request: self.page(request, r.reviews)),
            (r"issues/(\d+)", lambda _, n: self.one(r.issues, n)),
            (r"issues/comments/(\d+)", lambda _, n: self.one(r.comments, n)),
            (r"pulls/comments/(\d+)", lambda _, n: self.one(r.reviews, n)),
        ]

    def commit(self, request: Request, ref: str) -> Answer:
        if not self.repository.head:
            return told(409, message="Git Repository is empty.")
        if ref not in ("HEAD", "main", self.repository.head):
            return told(422, message=f"No commit found for SHA: {ref}")
        assert request.headers["accept"] == "application/vnd.github.sha"
        return Answer(200, self.repository.head.encode(), {"ETag": f'"{self.repository.head}"'})

    def tree(self, request: Request, sha: str) -> Answer:
        kind, found = self.repository.objects.get(sha, ("", None))
        if not kind:
            return missing()
        root = found if kind == "commit" else sha
        deep = "recursive" in request.query
        rows = list(self.repository.walk(root)) if deep else list(self.repository.objects[root][1])
        return told(sha=root, tree=rows[: self.tree_most], truncated=len(rows) > self.tree_most)

    def blob(self, request: Request, sha: str) -> Answer:
        kind, data = self.repository.objects.get(sha, ("", b""))
        if kind != "blob" or sha in self.repository.lost:
            return missing()
        assert "raw" in request.headers["accept"]
        return Answer(200, data)

    def content(self, _: Request, path: str) -> Answer:
        return Answer(200, self.repository.files[path]) if path in self.repository.files else missing()

    def tarball(self, _: Request, sha: str) -> Answer:
        if self.archive_is_off:
            return told(503, message="Service unavailable")
        return Answer(302, headers={"Location": f"{self.url}/codeload/{sha}?token=temporary"})

    def archive(self) -> Answer:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
            for path, data in sorted(self.repository.files.items()):
                if path not in self.ignored:
                    member = tarfile.TarInfo(f"acme-orchard-{self.repository.head[:7]}/{path}")
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
        return Answer(200, out.getvalue())

    def page(self, request: Request, rows: Mapping[int, dict[str, Any]]) -> Answer:
        query = request.query
        assert (query["sort"], query["direction"]) == ("updated", "asc")
        found = sorted(rows.values(), key=lambda row: (row["updated_at"], row.get("number") or row.get("id")))
        found = [row for row in found if row["updated_at"] >= query.get("since", "")]
        size, number = min(int(query.get("per_page", 30)), self.page_most), int(query.get("page", 1))
        headers = {}
        if len(found) > size * number:
            target = re.sub(r"[?&]page=\d+", "", request.target)
            join = "&" if "?" in target else "?"
            headers["Link"] = f'<{self.url}{target}{join}page={number + 1}>; rel="next"'
        return told(200, headers, found[size * (number - 1) : size * number])

    def one(self, rows: Mapping[int, dict[str, Any]], number: str) -> Answer:
        return told(200, {}, rows[int(number)]) if int(number) in rows else missing()

    def graphql(self, asked: dict[str, Any]) -> Answer:
        if self.graphql_is_shut:
            return told(403, message="Resource not accessible by personal access token")
        if found := discussed(asked, self.repository.discussions, self.page_most):
            return told(data={"data": found})
        found = {}
        for alias, sha in ASKED_BLOB.findall(asked["query"]):
            _, data = self.repository.objects.get(sha, ("", b"\0"))
            binary = b"\0" in data or sha in self.repository.lost
            found[f"b{alias}"] = {"text": None if binary else data.decode("utf-8", "replace")[:512_000]}
        return told(data={"data": {"repository": found}})

    def installation(self, request: Request) -> Answer:
        """Give the app a token if its signature holds and is fresh."""
        head, claims, signature = request.headers["authorization"].removeprefix("Bearer ").split(".")
        try:
            assert self.apps_key
            self.apps_key(f"{head}.{claims}".encode(), unpadded(signature))
        except Exception:  # whatever the library calls a signature that does not hold
            return told(401, message="A JSON web token could not be decoded")
        said, now = json.loads(unpadded(claims)), datetime.now(UTC).timestamp()
        if not (said["iat"] <= now < said["exp"] <= said["iat"] + 600 and said["iss"] == "12"):
            return told(401, message="'Expiration time' claim ('exp') is too far in the future")
        return told(201, token=self.token, expires_at="2027-01-01T00:00:00Z")

    @contextmanager
    def away(self) -> Iterator[None]:
        with self.peer.away():
            yield


def discussed(asked: dict[str, Any], all_: Mapping[int, dict[str, Any]], most: int) -> dict[str, Any] | None:
    """Answer a query for discussions, for one of them, or for the replies to a comment; None for another query."""
    query, given = asked["query"], asked["variables"]
    if "discussions(" in query:
        assert "UPDATED_AT, direction: DESC" in query
        rows = sorted(all_.values(), key=lambda row: (row["updatedAt"], row["number"]), reverse=True)
        keys = [f"{row['updatedAt']}|{row['number']:09}" for row in rows]
        left = [row for row, key in zip(rows, keys, strict=True) if not given["after"] or key < given["after"]]
        last = left[:most][-1] if left else None
        info = {"hasNextPage": len(left) > most, "endCursor": last and f"{last['updatedAt']}|{last['number']:09}"}
        nodes = [whole(row, given.get("comments"), most) for row in left[:most]]
        return {"repository": {"discussions": {"nodes": nodes, "pageInfo": info}}}
    if "discussion(" in query:
        row = all_.get(given["number"])
        return {"repository": {"discussion": row and whole(row, given.get("comments"), most)}}
    if "node(" in query:
        _, number, comment = given["id"].split("_")
        said = next(each for each in all_[int(number)]["comments"] if each["databaseId"] == int(comment))
        return {"node": {"replies": slice_of(said["replies"], given["after"], most)}}
    return None


def whole(row: dict[str, Any], after: str | None, most: int) -> dict[str, Any]:
    comments = slice_of(row["comments"], after, most)
    comments["nodes"] = [each | {"replies": slice_of(each["replies"], None, most)} for each in comments["nodes"]]
    return row | {"comments": comments}


def slice_of(rows: list[dict[str, Any]], after: str | None, most: int) -> dict[str, Any]:
    begin = int(after or 0)
    return {
        "nodes": rows[begin : begin + most],
        "pageInfo": {"hasNextPage": len(rows) > begin + most, "endCursor": str(min(begin + most, len(rows)))},
    }


def told(status: int = 200, headers: dict[str, str] | None = None, data: Any = None, **fields: Any) -> Answer:
    body = json.dumps(fields if data is None else data).encode()
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8"} | (headers or {}))


def missing() -> Answer:
    return told(404, message="Not Found", documentation_url=DOCS)


def unpadded(part: str) -> bytes:
    return b64decode(part.replace("-", "+").replace("_", "/") + "=" * (-len(part) % 4))
