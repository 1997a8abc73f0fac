"""Access tokens of OAuth 2 for an account that once let us in: by a refresh token, RFC 6749 §6."""

import hashlib
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx

from ingestion.connectors.imap.session import LOOPBACK
from ingestion.connectors.remote import AGENT, asked_to_wait, calling
from ledger.failures import Auth, Failure, RateLimited, Transient
from ledger.reasons import Reason

TIMEOUT_S = 30
FOUND, BUSY, ERROR = 200, 429, 500
SPARE_S = 120  # a token is asked for anew when it has no more than this left
UNTOLD_S = 300  # how long one is good for that does not say it
A_MINUTE = timedelta(minutes=1)
# RFC 6749 §5.2; of what else a server says nothing is repeated.
REFUSALS = {
    "invalid_grant": "sign in anew, and set the refresh_token that you get",
    "invalid_client": "see client_id, and set client_secret",
    "unauthorized_client": "let the app use refresh tokens, where it is registered",
    "unsupported_grant_type": "see token_url",
    "invalid_scope": "see scope",
    "invalid_request": "see token_url and scope",
}

# What one connector of this process was given, the next one uses: by what it was asked for with, and until when.
GIVEN: dict[str, tuple[str, float]] = {}


class Refresher:
    """Never shown: it has no repr of its own, and no failure names what it holds.

    `refresh_token` is another than it was made with once the server replaced it (RFC 6749 §6).
    """

    def __init__(self, url: str, client_id: str, client_secret: str, refresh_token: str, scope: str) -> None:
        if not (url and client_id):
            raise ValueError("refresh_token: it needs token_url and client_id")
        parts = urlsplit(url)
        if not parts.hostname or (parts.scheme != "https" and parts.hostname not in LOOPBACK):
            raise ValueError("token_url: give its whole address, which begins with https://")
        self.url, self.client_id, self.scope = url, client_id, scope
        self._client_secret, self.refresh_token = client_secret, refresh_token
        self.asked = False

    def token(self) -> str:
        """Return a token that is good for a while. Raises Auth, RateLimited, Timeout or Transient."""
        token, until = GIVEN.get(self._place(), ("", 0.0))
        if until - time.time() < SPARE_S:
            token, lasts_s = self._ask()
            GIVEN[self._place()] = (token, time.time() + lasts_s)
            self.asked = True
        return token

    def refused(self) -> bool:
        """The token is not accepted: forget it. Whether there may be a better one, as it was not made just now."""
        GIVEN.pop(self._place(), None)
        return not self.asked

    def _place(self) -> str:
        told = "\0".join((self.url, self.client_id, self.scope, self.refresh_token))
        return hashlib.sha256(told.encode()).hexdigest()

    def _ask(self) -> tuple[str, float]:
        asked = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        asked |= {"scope": self.scope} if self.scope else {}
        known = (quote_plus(self.client_id), quote_plus(self._client_secret))  # §2.3.1: encoded before they are joined
        with calling(), httpx.Client(timeout=TIMEOUT_S, headers={"User-Agent": AGENT}) as client:
            if self._client_secret:
                answer = client.post(self.url, data=asked, auth=known)
            else:
                answer = client.post(self.url, data=asked | {"client_id": self.client_id})
        told = _object(answer)
        token, lasts_s = told.get("access_token"), told.get("expires_in", UNTOLD_S)
        if answer.status_code != FOUND:
            raise _refusal(answer, told.get("error"))
        if not isinstance(token, str) or not token or str(told.get("token_type", "bearer")).lower() != "bearer":
            raise Transient(Reason.BAD_ANSWER, "the token endpoint gave no token that a mail server takes")
        if isinstance(fresh := told.get("refresh_token"), str) and fresh:
            self.refresh_token = fresh
        with suppress(TypeError, ValueError):
            return token, float(lasts_s)
        return token, UNTOLD_S


def _object(answer: httpx.Response) -> dict[str, Any]:
    """The object that it is, or an empty one."""
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _refusal(answer: httpx.Response, error: object) -> Failure:
    if answer.status_code == BUSY:
        return RateLimited(Reason.REMOTE_BUSY, retry_after=asked_to_wait(answer.headers) or A_MINUTE)
    if answer.status_code >= ERROR:
        return Transient(Reason.REMOTE_UNAVAILABLE, f"the token endpoint answered {answer.status_code}")
    if isinstance(error, str) and error in REFUSALS:
        return Auth(Reason.KEY_REFUSED, f"the token endpoint says {error}: {REFUSALS[error]}")
    return Auth(Reason.KEY_REFUSED, f"the token endpoint answered {answer.status_code}: see token_url and client_id")
