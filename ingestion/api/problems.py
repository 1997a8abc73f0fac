"""What went wrong, as problem details for HTTP APIs (RFC 9457)."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from pydantic import BaseModel

from ledger.failures import Failure
from patches.moments import Unclear

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """`code` is for programs; `says` for people, without a secret or a document's content."""

    def __init__(self, status: int, code: str, says: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(says)
        self.status, self.code, self.says, self.retry_after_s = status, code, says, retry_after_s


class ProblemDetails(BaseModel):
    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] = []


PROBLEMS = {400: ProblemDetails, 401: ProblemDetails, 403: ProblemDetails, 404: ProblemDetails, 413: ProblemDetails}
PROBLEMS |= {422: ProblemDetails, 429: ProblemDetails, 503: ProblemDetails}


def answer(problem: Problem, errors: Sequence[Any] = ()) -> HttpResponse:
    title = HTTPStatus(problem.status).phrase
    told = ProblemDetails(
        title=title, status=problem.status, code=problem.code, detail=problem.says, errors=list(errors)
    )
    headers = {"Retry-After": str(problem.retry_after_s)} if problem.retry_after_s is not None else {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JsonResponse(told.model_dump(), status=problem.status, content_type=MEDIA_TYPE, headers=headers)


def explain_problems(api: NinjaAPI) -> None:
    """Have every error of the API answered as problem details."""

    def on(error: type[Exception], problem: Callable[[Any], Problem]) -> None:
        def handle(_request: HttpRequest, exc: Any) -> HttpResponse:
            return answer(problem(exc))

        api.add_exception_handler(error, handle)

    on(Problem, lambda exc: exc)
    on(AuthenticationError, lambda _: Problem(401, "token_refused", "give a token that is valid, as a bearer token"))
    on(Throttled, lambda exc: Problem(429, "too_many", "too many requests", retry_after_s=int(exc.wait or 1) + 1))
    on(Http404, lambda _: Problem(404, "not_found", "there is no such thing in this reflection"))
    on(Unclear, lambda exc: Problem(422, "unclear", str(exc)))
    on(Failure, lambda exc: Problem(503, "model_away", f"the model does not answer: {exc.reason.label}"))
    on(RequestDataTooBig, lambda _: Problem(413, "too_large", "the request is larger than the server takes"))
    on(HttpError, lambda exc: Problem(exc.status_code, "bad_request", str(exc)))

    def invalid(_request: HttpRequest, exc: Any) -> HttpResponse:
        # without the input: it may be a document
        errors = [{"where": list(map(str, error["loc"])), "what": error["msg"]} for error in exc.errors]
        return answer(Problem(422, "invalid", "the request is not what the description of the API says"), errors)

    api.add_exception_handler(ValidationError, invalid)
