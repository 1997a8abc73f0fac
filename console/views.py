"""Pages for machines: whether this process is alive, and whether it can work."""

from dataclasses import asdict
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from console import metrics
from console.health import READY, look

READY_S = 1.0


@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. Looks at nothing else: restarting it would mend nothing else."""
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Whether requests can be served: database, schema and broker, each within a second. Workers are not looked at."""
    findings = look(READY, within_s=READY_S)
    ready = all(finding.ok for finding in findings)
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse({"ready": ready, "checks": [asdict(finding) for finding in findings]}, status=status)


@never_cache
@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """The metrics, for who brings the token that `SLUICEGATE_METRICS_TOKEN` names, and for nobody without one."""
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token is None or not constant_time_compare(given, token.get_secret_value()):
        asks = {"WWW-Authenticate": "Bearer"}
        return HttpResponse("a token is needed\n", "text/plain", HTTPStatus.UNAUTHORIZED, headers=asks)
    return HttpResponse(metrics.exposition(), CONTENT_TYPE_LATEST)
