"""What can go wrong, classed by what to do next.

Failure
├── Transient        try again after a growing delay
│   ├── RateLimited  try again when the remote side says so; spends no attempt
│   └── Timeout      try again, then quarantine
├── Auth             pause the source and tell the operator
├── Consent          hold until it is granted
├── Gone             retire the reference
└── Malformed        never: this payload cannot be read

Seen by the ledger, never raised: crash (the worker died with the run aboard), unexpected (a bug).
"""

from datetime import timedelta

from ledger.reasons import Reason


class Failure(Exception):
    """`detail` is shown to operators: no content, no secret, no path outside the source."""

    kind = "unexpected"

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class Transient(Failure):
    kind = "transient"


class RateLimited(Transient):
    kind = "rate_limited"

    def __init__(self, reason: Reason, *, retry_after: timedelta) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Timeout(Transient):
    kind = "timeout"


class Auth(Failure):
    kind = "auth"


class Consent(Failure):
    kind = "consent"


class Gone(Failure):
    kind = "gone"


class Malformed(Failure):
    kind = "malformed"


class Unexpected(Failure):
    """Never raised by an adapter: what the loop that runs items makes of a bug."""


OBSERVED = ("crash", "unexpected")
KINDS = tuple(c.kind for c in (Transient, RateLimited, Timeout, Auth, Gone, Malformed, Consent)) + OBSERVED
