"""What we ask of GitHub's REST and GraphQL interfaces, and what its refusals mean."""

import hashlib
import json
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ingestion.connectors.github.keys import App, Fixed, Key
from ingestion.connectors.remote import AGENT, asked_to_wait, bounded, calling, moment
from ledger.failures import Auth, Failure, Gone, Malformed, RateLimited, Transient
from ledger.reasons import Reason

VERSION = "2022-11-28"
JSON, RAW, SHA = (f"application/vnd.github{kind}" for kind in ("+json", ".raw+json", ".sha"))
TIMEOUT = httpx.Timeout(60, connect=15)
A_MINUTE = timedelta(minutes=1)  # the least to wait where GitHub says no time
UNCHANGED, UNAUTHORIZED, FORBIDDEN, MISSING, CONFLICT, DISABLED, UNKNOWN = 304, 401, 403, 404, 409, 410, 422
BUSY, BLOCKED, ERROR = 429, 451, 400


@dataclass(frozen=True)
class Answer:
    status: int
    data: Any = None
    etag: str = ""
    next: str = ""  # where the next page is, "" for none

    @property
    def unchanged(self) -> bool:
        return self.status == UNCHANGED


@dataclass(frozen=True)
class Credentials:
    """Never printed."""

    token: str = ""
    app_id: str = ""
    installation_id: str = ""
    private_key: str = ""

    def __repr__(self) -> str:
        return "Credentials()"


class Api:
    """One repository at one address, `url`: https://github.com, or that of a GitHub Enterprise server."""

    def __init__(self, repository: str, url: str, credentials: Credentials) -> None:
        self.repository = repository
        rest, self.graphql_url = addresses(url)
        owner, _, name = repository.partition("/")
        self.root = f"{rest}/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self.client = httpx.Client(
            timeout=TIMEOUT,
            follow_redirects=True,
            max_redirects=5,
            headers={"User-Agent": AGENT, "X-GitHub-Api-Version": VERSION},
        )
        weakref.finalize(self, self.client.close)
        self.key: Key = Fixed(credentials.token)
        if credentials.private_key:
            app = (credentials.app_id, credentials.installation_id, credentials.private_key)
            self.key = App(rest, self.client, *app)

    @property
    def keyed(self) -> bool:
        return bool(self.key.token())

    def fingerprint(self) -> str:
        """Return what tells one token from another: entity tags hold for the token that they were given to."""
        return hashlib.sha256(b"etag " + self.key.token().encode()).hexdigest()[:12]

    def get(
        self, path: str, *, etag: str = "", allowed: Collection[int] = (), accept: str = JSON, **wanted: Any
    ) -> Answer:
        """Ask for something below the repository, or at a whole address as `Answer.next` has it."""
        url = path if "://" in path else f"{self.root}/{path}".rstrip("/")
        if wanted:
            url += "?" + str(httpx.QueryParams(wanted))
        headers = {"Accept": accept} | ({"If-None-Match": etag} if etag else {})
        with self._asking("GET", url, headers, allowed=allowed) as answer:
            body = answer.read()
            data = body.decode("ascii", "replace") if accept == SHA else _json(body) if body else None
            following = answer.links.get("next", {}).get("url", "")
            if following and urlsplit(following)[:2] != urlsplit(self.root)[:2]:
                raise Transient(Reason.BAD_ANSWER, "the next page is said to be at another host")
            return Answer(answer.status_code, data, answer.headers.get("etag", ""), following)

    def raw(self, path: str, limit_bytes: int) -> bytes:
        """Return the bytes themselves. Raises Malformed (TOO_LARGE) above the limit."""
        with self._asking("GET", f"{self.root}/{path}", {"Accept": RAW}) as answer:
            found = bytearray()
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > limit_bytes:
                    raise Malformed(Reason.TOO_LARGE)
            return bytes(found)

    @contextmanager
    def pieces(self, path: str) -> Iterator[Iterator[bytes]]:
        """Give the body of a large answer piece by piece."""
        with self._asking("GET", f"{self.root}/{path}", {"Accept": JSON}) as answer:
            yield answer.iter_bytes()

    def graphql(self, query: str, **variables: Any) -> Mapping[str, Any]:
        """Return the `repository`, or the `node`, of the answer; what it has none of is None in it."""
        owner, _, name = self.repository.partition("/")
        asked = json.dumps({"query": query, "variables": {"owner": owner, "name": name, **variables}})
        headers = {"Accept": JSON, "Content-Type": "application/json"}
        with self._asking("POST", self.graphql_url, headers, content=asked.encode()) as answer:
            found = _json(answer.read())
            kinds = {error.get("type", "") for error in found.get("errors", ())}
            if "RATE_LIMITED" in kinds:
                raise _limited(answer)
        data = found.get("data") or {}
        if isinstance(inner := data.get("repository") or data.get("node"), dict):
            return inner
        if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
            raise Auth(Reason.KEY_REFUSED, "the key may not read this of the repository")
        if "NOT_FOUND" in kinds:
            raise Gone(Reason.VANISHED, "no such repository, or the key may not see it")
        raise Transient(Reason.BAD_ANSWER, "a query was not answered")

    @contextmanager
    def _asking(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        content: bytes | None = None,
        allowed: Collection[int] = (),
    ) -> Iterator[httpx.Response]:
        token = self.key.token()
        signed = {**headers, "Authorization": f"Bearer {token}"} if token else headers
        with calling(), self.client.stream(method, url, headers=signed, content=content) as answer:
            if answer.status_code >= ERROR and answer.status_code not in allowed:
                answer.read()
                if answer.status_code == UNAUTHORIZED:
                    self.key.refused()
                raise refusal(answer)
            yield answer


def addresses(url: str) -> tuple[str, str]:
    """Return where REST and where GraphQL is for the address that people know."""
    parts = urlsplit(url.rstrip("/"))
    if parts.hostname in ("github.com", "www.github.com", "api.github.com"):
        return "https://api.github.com", "https://api.github.com/graphql"
    if (parts.hostname or "").endswith(".ghe.com"):  # GitHub's own hosts for enterprises
        host = parts.hostname if str(parts.hostname).startswith("api.") else f"api.{parts.hostname}"
        return f"https://{host}", f"https://{host}/graphql"
    root = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix('/api/v3')}"
    return f"{root}/api/v3", f"{root}/api/graphql"


def refusal(answer: httpx.Response) -> Failure:
    """Return what an answer that is none means."""
    status = answer.status_code
    if status == BUSY or (status == FORBIDDEN and _limits(answer)):
        return _limited(answer)
    if status == UNAUTHORIZED:
        return Auth(Reason.KEY_REFUSED, "the token is not accepted: it may have expired or been revoked")
    if status == FORBIDDEN:
        return Auth(Reason.KEY_REFUSED, "the token may not read this: see its permissions, and single sign-on")
    if status in (MISSING, DISABLED, UNKNOWN, BLOCKED):
        return Gone(Reason.VANISHED, "no such repository, branch or item, or the token may not see it")
    return Transient(Reason.REMOTE_UNAVAILABLE, f"answered {status}")


def _limits(answer: httpx.Response) -> bool:
    """Whether 403 stands for a rate limit. Of a secondary one without a header only its text tells."""
    if "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0":
        return True
    try:
        said = answer.json()
    except ValueError:
        return False
    if not isinstance(said, dict):
        return False
    message, page = (str(said.get(key, "")).lower() for key in ("message", "documentation_url"))
    return "rate limit" in message or "abuse detection" in message or "rate-limit" in page


def _limited(answer: httpx.Response) -> RateLimited:
    headers = answer.headers
    wait = asked_to_wait(headers)
    reset = headers.get("x-ratelimit-reset", "")
    if wait is None and headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        now = moment(headers.get("date", "")) or datetime.now(UTC)  # its clock, not ours, is what the reset is by
        wait = bounded(timedelta(seconds=int(reset) - now.timestamp() + 1))
    return RateLimited(Reason.REMOTE_BUSY, retry_after=A_MINUTE if wait is None else wait)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as exc:
        raise Transient(Reason.BAD_ANSWER, "an answer that is no JSON, or half of it") from exc
