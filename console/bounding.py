"""No page may keep the database at a statement for long: whoever looks is told to ask for less."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse, TemplateResponse
from psycopg.errors import QueryCanceled

from ledger import statements

STATEMENT_TIMEOUT_MS = 10_000
BEGIN = f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}"
END = "RESET statement_timeout"
View = Callable[..., HttpResponse]


def bounded(view: View) -> View:
    """The view with a bound on each statement where it is looked at; what is ordered by it takes its time.

    A page is written out within it, as lists ask for their rows only then. Answers 503 when a statement took too long.
    """

    @wraps(view)
    def within(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        statements.run(BEGIN)
        try:
            answer = view(request, *args, **kwargs)
            return answer.render() if isinstance(answer, SimpleTemplateResponse) else answer
        except OperationalError as problem:
            if not isinstance(problem.__cause__, QueryCanceled):
                raise
            told = {"title": "This takes too long", "seconds": STATEMENT_TIMEOUT_MS // 1000}
            context = {**admin.site.each_context(request), **told}
            return TemplateResponse(request, "console/slow.html", context, status=503)
        finally:
            statements.run(END)

    return within
