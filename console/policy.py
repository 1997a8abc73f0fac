"""What a browser may load on our pages: what we serve ourselves, and nothing else."""

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

CONTENT = "; ".join(
    (
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def asker(request: HttpRequest) -> str:
    """The address that the request came from: behind a proxy that is trusted the one that it added, the last."""
    told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if settings.TRUST_PROXY else ""
    try:
        return str(ip_address(told))
    except ValueError:
        return str(request.META.get("REMOTE_ADDR", ""))


def content_policy(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: no inline script or style, no other host, no frame. A page's own, stricter policy stands."""

    def with_policy(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response

    return with_policy
