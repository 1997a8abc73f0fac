"""Which request asked for what happens: a name that every event, log line and answer of the request has."""

import re
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from ledger import statements

GIVEN = re.compile(r"[\w.:/+=-]{1,64}", re.ASCII)
HEADER = "X-Request-ID"
READING = ("GET", "HEAD", "OPTIONS")


def named(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: take the caller's name for the request, or make one. The database is told where one may write."""

    def with_name(request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        name = given if GIVEN.fullmatch(given) else uuid.uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=name):
            if request.method in READING:
                response = answer(request)
            else:
                asked_by(name)
                try:
                    response = answer(request)
                finally:
                    asked_by("")
        response.headers[HEADER] = name
        return response

    return with_name


def asked_by(name: str) -> None:
    """What this connection writes from here on was asked for by the request of this name."""
    statements.rows("SELECT set_config('sluicegate.request_id', %s, false)", [name])
