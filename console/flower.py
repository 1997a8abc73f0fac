"""Flower behind the console's login: who may look at all flights is shown what Flower says, nobody else reaches it.

Flower shows what goes through the broker now, and forgets; the ledger is the truth. It asks for a password that only
the processes of this installation know. Nothing that changes anything is passed on to it.
"""

import re
from functools import cache
from http import HTTPStatus

import httpx
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.csrf import csrf_exempt

from console.policy import CONTENT
from ingestion.ring import task_id
from ledger import rendering
from ledger.requests import READING
from ledger.sight import given

MAY_LOOK = "ingestion.view_flight"
ROWS = {"tasks/datatable"}  # asked for with a POST, as the question is long
ASKED = ("Accept", "Content-Type", "If-None-Match")
TOLD = ("Content-Type", "ETag")
WAIT = httpx.Timeout(10, connect=2)
# Beside ours: the pictures in its style sheet, and of scripts in a page its one, by its hash: `var autorefresh = 1;`
AUTOREFRESH = "sha256-A0YIP5A+DKoseGAUTHRoMPDkKPK5cKzfYH3mjcCKtj8="
POLICY = f"{CONTENT}; script-src 'self' '{AUTOREFRESH}'; img-src 'self' data:"
TASK = re.compile(r"task/([0-9]{1,18})\.([a-z]+)")
ROW = re.compile(rb"<code>(/admin/ingestion/(?:flight|occurrence)/[0-9]+/change/)</code>")


@csrf_exempt  # nothing is changed by it
def page(request: HttpRequest, path: str = "") -> HttpResponse:
    """What Flower answers; where it does not, a page that says so, and where the ledger has what was asked for."""
    if not request.user.has_perm(MAY_LOOK) or given(request.user) is not None:
        raise PermissionDenied
    if request.method not in READING and path not in ROWS:
        return HttpResponseNotAllowed(READING)
    headers = {name: request.headers[name] for name in ASKED if name in request.headers}
    try:
        client = _client(settings.FLOWER_URL, settings.FLOWER_PASSWORD)
        told = client.request(str(request.method), request.get_full_path(), content=request.body, headers=headers)
    except httpx.TransportError:
        return _instead(request, path, HTTPStatus.SERVICE_UNAVAILABLE)
    if told.status_code == HTTPStatus.UNAUTHORIZED:
        return _instead(request, path, HTTPStatus.BAD_GATEWAY)
    if told.status_code == HTTPStatus.NOT_FOUND and TASK.fullmatch(path):
        return _instead(request, path, HTTPStatus.NOT_FOUND)
    body = ROW.sub(rb'<code><a href="\1">\1</a></code>', told.content) if path.startswith("task/") else told.content
    response = HttpResponse(body, status=told.status_code)
    for name in TOLD:
        if name in told.headers:
            response.headers[name] = told.headers[name]
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, max-age=86400" if path.startswith("static/") else "no-store"
    return response


def tasks(row_id: int, *parts: str) -> SafeString:
    """Links to the tasks of a flight's stages, or of an occurrence's sync, as long as Flower remembers them."""
    pages = ((reverse("flower", args=[f"task/{task_id(row_id, part)}"]), part) for part in parts)
    return rendering.listed([rendering.anchor(*page) for page in pages])


@cache
def _client(url: str, password: str) -> httpx.Client:
    once = httpx.Limits(max_keepalive_connections=0)  # a connection that is kept may be one that a fork shares
    return httpx.Client(base_url=url, auth=(settings.FLOWER_USER, password), timeout=WAIT, limits=once, trust_env=False)


def _instead(request: HttpRequest, path: str, status: HTTPStatus) -> HttpResponse:
    row, table = None, ""
    if found := TASK.fullmatch(path):
        row, table = int(found[1]), "occurrence" if found[2] == "sync" else "flight"
    context = {**admin.site.each_context(request), "title": "Flower", "status": status, "row": row, "table": table}
    if row:
        context["address"] = reverse(f"admin:ingestion_{table}_change", args=[row])
    return TemplateResponse(request, "console/flower.html", context, status=status)
