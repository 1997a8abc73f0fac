"""otlp: spans go to an OpenTelemetry collector over HTTP, in the background; needs requirements/traces.txt."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from pydantic import SecretStr

from ingestion.ports import Told
from ingestion.traceparents import parted

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

PREFIX = "sluicegate"
EVERY_MS = 1_000  # what is done is sent at the latest so long after
ANSWER_S = 5
FLUSH_MS = 3_000
MOST_TOLD, MOST_LINKS, MOST_CHARS = 24, 8, 100  # of one span; the rest is dropped
WAITING, AT_ONCE = 2_048, 256  # spans; while the collector is away the newest are dropped


class Sent:
    """A span that is sent when it ended."""

    def __init__(self, span: "Span") -> None:
        self.span, context = span, span.get_span_context()
        self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def note(self, **told: Told) -> None:
        self.span.set_attributes(_named(told))


class Otlp:
    """Hands spans to OpenTelemetry's own sender. Raises ImportError where that is not installed."""

    def __init__(self, url: str, key: SecretStr | None = None) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import SpanLimits, TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self.provider = TracerProvider(
            resource=Resource(
                {"service.name": PREFIX, "service.version": settings.VERSION, "process.pid": os.getpid()}
            ),
            span_limits=SpanLimits(
                max_span_attributes=MOST_TOLD, max_links=MOST_LINKS, max_span_attribute_length=MOST_CHARS
            ),
        )
        exporter = OTLPSpanExporter(endpoint=url, headers=headers, timeout=ANSWER_S)
        self.provider.add_span_processor(
            BatchSpanProcessor(
                exporter, max_queue_size=WAITING, schedule_delay_millis=EVERY_MS, max_export_batch_size=AT_ONCE
            )
        )
        self.tracer = self.provider.get_tracer(PREFIX, settings.VERSION)

    @contextmanager
    def span(self, name: str, *, parent: str = "", links: Sequence[str] = (), **told: Told) -> Iterator[Sent]:
        from opentelemetry.context import Context  # noqa: PLC0415
        from opentelemetry.trace import Link, NonRecordingSpan, Status, StatusCode, set_span_in_context  # noqa: PLC0415

        above = _context(parent)
        context = set_span_in_context(NonRecordingSpan(above), Context()) if above else Context()
        others = [Link(other) for other in map(_context, links) if other]
        span = self.tracer.start_span(name, context=context, links=others, attributes=_named(told))
        try:
            yield Sent(span)
        except BaseException as problem:
            span.set_status(Status(StatusCode.ERROR, type(problem).__name__))  # no message: it may quote a document
            raise
        finally:
            span.end()

    def flush(self) -> None:
        self.provider.force_flush(FLUSH_MS)


def _named(told: dict[str, Told]) -> dict[str, Any]:
    return {f"{PREFIX}.{name}": value for name, value in told.items()}


def _context(traceparent: str) -> "SpanContext | None":
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    if not (found := parted(traceparent)):
        return None
    trace, span, flags = (int(part, 16) for part in found)
    return SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
