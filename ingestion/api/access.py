"""Who asks, what they may, and how often."""

from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.throttling import SimpleRateThrottle
from redis import RedisError

from handoffs import tokens
from handoffs.models import ApiToken
from ingestion.api.problems import Problem

log = structlog.get_logger(__name__)


class Secret(HttpBearer):
    """A token's secret as a bearer token (RFC 6750)."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:  # noqa: ARG002  Ninja's signature
        return tokens.holder(token)


class PerToken(SimpleRateThrottle):
    """So many requests a minute for each token. Without its broker it lets pass: nothing is lost by that."""

    scope = "token"

    def __init__(self) -> None:
        super().__init__(f"{settings.API_RATE}/min")

    def get_cache_key(self, request: HttpRequest) -> str | None:
        token: Any = getattr(request, "auth", None)
        return f"api:{token.pk}" if isinstance(token, ApiToken) else None

    def allow_request(self, request: HttpRequest) -> bool:
        try:
            return bool(super().allow_request(request))
        except RedisError as refusal:
            log.warning("requests are not counted", error=type(refusal).__name__)
            return True


def allowed(request: HttpRequest, scope: ApiToken.Scope) -> ApiToken:
    """The token of the request. Problem when it lacks the scope."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    if scope not in token.scopes:
        raise Problem(403, "scope_missing", f"the token {token.name} has no scope {scope.value!r}")
    return token
