"""How we say to GitHub who we are: nobody, a token, or an app that gets its tokens with a signature."""

import base64
import hashlib
import json
import time
from typing import Any, Protocol

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ingestion.connectors.remote import calling
from ledger.failures import Auth, Transient
from ledger.reasons import Reason

HTTP_CREATED, HTTP_BUSY, HTTP_ERROR = 201, 429, 500
SKEW_S, SIGNED_FOR_S = 60, 540  # a clock may be a minute ahead of GitHub's; ten minutes is the most it allows
SPARE_S = 300  # a token is asked for anew when it has no more than this left

# An app's tokens are good for an hour: what one sync was given, the next one of this process uses.
GIVEN: dict[tuple[str, str, str], tuple[str, float]] = {}


class Key(Protocol):
    """Never shown: its classes have no repr of their own, and no failure names what it holds."""

    def token(self) -> str:
        """Return the token to send, "" for none. Raises Auth, or what asking for one raises."""
        ...

    def refused(self) -> None:
        """The token that was sent is not accepted: it is not to be sent again if there can be another."""
        ...


class Fixed:
    """A token that a person made, or none."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        return self._token

    def refused(self) -> None:
        pass


class App:
    """A GitHub App's installation; `private_key` is the PEM that GitHub made for the app."""

    def __init__(self, api: str, client: httpx.Client, app_id: str, installation_id: str, private_key: str) -> None:
        self.client, self.app_id = client, app_id
        self.url = f"{api}/app/installations/{installation_id}/access_tokens"
        self._private_key = private_key
        signer = hashlib.sha256(private_key.encode()).hexdigest()
        self.given = (self.url, app_id, signer)

    def token(self) -> str:
        token, until = GIVEN.get(self.given, ("", 0.0))
        if until - time.time() < SPARE_S:
            token, until = self._ask()
            GIVEN[self.given] = (token, until)
        return token

    def refused(self) -> None:
        GIVEN.pop(self.given, None)

    def _ask(self) -> tuple[str, float]:
        headers = {"Authorization": f"Bearer {self._signed(time.time())}", "Accept": "application/vnd.github+json"}
        with calling():
            answer = self.client.post(self.url, headers=headers)
        if answer.status_code >= HTTP_ERROR or answer.status_code == HTTP_BUSY:
            raise Transient(Reason.REMOTE_UNAVAILABLE, f"no token for the app: answered {answer.status_code}")
        if answer.status_code != HTTP_CREATED:
            raise Auth(
                Reason.KEY_REFUSED, f"the app gets no token ({answer.status_code}): see its id, installation and key"
            )
        try:
            return str(answer.json()["token"]), time.time() + 3600
        except (ValueError, KeyError, TypeError) as exc:
            raise Transient(Reason.BAD_ANSWER, "no token in the answer") from exc

    def _signed(self, now: float) -> str:
        """A JSON Web Token, RFC 7519, signed with RS256, RFC 7518 §3.3."""
        try:
            key = load_pem_private_key(self._private_key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPrivateKey):
            raise Auth(Reason.KEY_REFUSED, "the app's private key is no RSA key in PEM without a password")
        claims = {"iat": int(now) - SKEW_S, "exp": int(now) + SIGNED_FOR_S, "iss": self.app_id}
        said = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{said}.{_base64(key.sign(said.encode(), PKCS1v15(), hashes.SHA256()))}"


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
