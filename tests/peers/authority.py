"""Who gives out tokens of OAuth 2 for refresh tokens: a token endpoint, RFC 6749 §6 and §5.2."""

import json
from base64 import b64decode
from itertools import count
from urllib.parse import parse_qs, unquote_plus

from tests.peers.http import Answer, Peer, Request
from tests.peers.tokens import Tokens


class Authority:
    """Trades the refresh tokens in `users` for access tokens, which hold from then on; `rotates` them if it is told to.

    The app is known by `client`, its id and its secret; "" for an app that has none.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens, self.peer, self.serial = tokens, Peer(self.answer), count(1)
        self.users: dict[str, str] = {}
        self.client = ("our app", "s3cret/+ö")
        self.lasts_s, self.rotates = 3600, False

    @property
    def url(self) -> str:
        return f"{self.peer.url}/token"

    def answer(self, request: Request) -> Answer:
        asked = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        if request.method != "POST" or request.path != "/token":
            return Answer(404)
        if self._client(request, asked) != self.client:
            return told(401, error="invalid_client")
        if asked.get("grant_type") != "refresh_token":
            return told(400, error="unsupported_grant_type")
        if asked.get("scope", "mail") != "mail":
            return told(400, error="invalid_scope")
        if not (user := self.users.get(asked.get("refresh_token", ""))):
            return told(400, error="invalid_grant", error_description="Token has been expired or revoked.")
        token = f"access-{next(self.serial)}"
        self.tokens[token] = user
        given = {"access_token": token, "token_type": "Bearer", "expires_in": self.lasts_s}
        if self.rotates:
            del self.users[asked["refresh_token"]]
            given["refresh_token"] = f"refresh-{next(self.serial)}"
            self.users[given["refresh_token"]] = user
        return told(200, **given)

    @staticmethod
    def _client(request: Request, asked: dict[str, str]) -> tuple[str, str]:
        scheme, _, words = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return asked.get("client_id", ""), asked.get("client_secret", "")
        name, _, secret = b64decode(words).decode().partition(":")
        return unquote_plus(name), unquote_plus(secret)


def told(status: int, **said: object) -> Answer:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(status, json.dumps(said).encode(), headers)
