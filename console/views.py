"""Pages for machines: whether this process is alive, and whether it can work."""

from dataclasses import asdict
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

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
