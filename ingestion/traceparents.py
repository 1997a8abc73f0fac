"""How a span is named to those who go on with its trace in another process: W3C Trace Context, `traceparent`."""

import re
import secrets

SHAPE = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
CHARS = 55
SAMPLED = "01"


def parted(traceparent: str) -> tuple[str, str, str] | None:
    """The ids of the trace and of the span in it, and the flags; None for what names no span."""
    found = SHAPE.fullmatch(traceparent)
    return (found[1], found[2], found[3]) if found else None


def trace_of(traceparent: str) -> str:
    """The id of the trace; empty for what names no span."""
    found = parted(traceparent)
    return found[0] if found else ""


def below(parent: str) -> str:
    """The name of a new span of the parent's trace, or of a new trace where there is no parent."""
    trace, _, flags = parted(parent) or (secrets.token_hex(16), "", SAMPLED)
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"
