"""An OpenTelemetry collector, as far as it takes traces: OTLP over HTTP, in protobuf."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.peers.http import Answer, Peer, Request


@dataclass(frozen=True)
class Received:
    """A span as the collector has it; ids in hex, empty for none."""

    name: str
    trace: str
    span: str
    parent: str
    links: list[str]
    told: dict[str, Any]
    error: str
    pid: int


@dataclass
class Collector:
    url: str = ""
    key: str = ""
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        if request.path != "/v1/traces" or (self.key and request.headers.get("authorization") != f"Bearer {self.key}"):
            return Answer(401)
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        done = ExportTraceServiceResponse().SerializeToString()
        return Answer(200, done, {"Content-Type": "application/x-protobuf"})

    def spans(self) -> list[Received]:
        return [
            Received(
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                [link.trace_id.hex() for link in span.links],
                {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes},
                span.status.message,
                next(one.value.int_value for one in each.resource.attributes if one.key == "process.pid"),
            )
            for request in self.requests
            for each in request.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting(key: str = "") -> Iterator[Collector]:
    collector = Collector(key=key)
    peer = Peer(collector.answer)
    collector.url = f"{peer.url}/v1/traces"
    try:
        yield collector
    finally:
        peer.close()
