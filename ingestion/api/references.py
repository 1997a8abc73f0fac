"""POST /references: whoever persisted items hands them over."""

import hashlib
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Header, Router, Schema
from ninja.responses import Status
from pydantic import AfterValidator, Base64Bytes, Field, model_validator

from handoffs import payloads
from handoffs.intake import Arrival
from handoffs.models import ApiToken, Source, reference_id
from handoffs.submitting import Key, KeyReused, submit
from handoffs.tombstones import purged
from ingestion import backlog
from ingestion.adapters import chosen_traces
from ingestion.api.access import allowed
from ingestion.api.problems import PROBLEMS, Problem
from ingestion.connectors import PUSHED
from ingestion.dispatch import wake
from ledger.failures import Failure, Malformed
from ledger.reasons import Reason

AT_ONCE = 1_000
SHARED = "shared:"
RETRY_S = 30

router = Router(tags=["references"])


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("no zero characters")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256; refused if the bytes differ.")]
Name = Annotated[Text, Field(max_length=100)]
Value = Annotated[Text, Field(max_length=2_000)]


class Item(Schema):
    """One persisted reference. Its bytes are given as `text`, `base64`, or `payload_url`: shared:PATH."""

    external_id: Annotated[Text, Field(min_length=1, max_length=2_000, description="Its name in the source, for ever.")]
    media_type: Annotated[Text, Field(max_length=100)] = ""
    metadata: Annotated[dict[Name, Value], Field(max_length=50)] = {}
    text: str | None = None
    base64: Base64Bytes | None = None
    payload_url: Annotated[Text, Field(pattern="^shared:", max_length=2_000)] | None = None
    payload_hash: Hash | None = None

    @model_validator(mode="after")
    def _one_payload(self) -> "Item":
        if sum(given is not None for given in (self.text, self.base64, self.payload_url)) != 1:
            raise ValueError("give one of text, base64 and payload_url")
        return self


class Submission(Schema):
    source: Annotated[Text, Field(min_length=1, max_length=200, description="A source that is handed over to.")]
    items: Annotated[list[Item], Field(min_length=1, max_length=AT_ONCE)]

    @model_validator(mode="after")
    def _each_once(self) -> "Submission":
        if len({item.external_id for item in self.items}) < len(self.items):
            raise ValueError("an external_id comes twice")
        return self


class Taken(Schema):
    external_id: str
    reference_id: UUID
    payload_hash: str
    handoff_id: int
    status: str
    reason: str
    made: bool


class Refused(Schema):
    external_id: str
    reason: str
    detail: str


class Answer(Schema):
    """`made` is false for what was handed over before: its handoff is named all the same."""

    items: list[Taken]
    refused: list[Refused]


@router.post("/references", response={200: Answer, 202: Answer, **PROBLEMS})
def hand_over(
    request: HttpRequest,
    body: Submission,
    idempotency_key: Annotated[str | None, Header(max_length=200, pattern="^[\\x21-\\x7e]+$")] = None,
) -> Status[Any]:
    """Hand over up to 1,000 persisted references. 202: some of it is new; 200: all of it was handed over before.

    Bytes that cannot be had are named in `refused`; 422 when that is all of them.
    """
    token = allowed(request, ApiToken.Scope.SUBMIT)
    source = Source.objects.filter(reflection=token.reflection, name=body.source, kind=PUSHED).first()
    if source is None:
        raise Problem(404, "no_such_source", f"there is no such source: manage.py sources add NAME --kind {PUSHED}")
    if backlog.high():
        raise Problem(429, Reason.BACKLOG.value, Reason.BACKLOG.label, retry_after_s=RETRY_S)
    arrivals, refused = _stored(source, body.items)
    if not arrivals:
        raise Problem(
            422, refused[0].reason, f"{refused[0].external_id}: {refused[0].detail or 'its bytes were refused'}"
        )
    key = Key(token, idempotency_key, hashlib.sha256(request.body).hexdigest()) if idempotency_key else None
    parent = request.headers.get("traceparent", "")
    try:
        with chosen_traces().span("submit", parent=parent, source=source.pk, items=len(arrivals)) as span:
            taken = submit(source, arrivals, key=key, traceparent=span.traceparent)
    except KeyReused:
        raise Problem(422, "key_reused", "this Idempotency-Key came before with another request") from None
    wake()
    made = any(one.made for one in taken)
    return Status(202 if made else 200, {"items": taken, "refused": refused})


def _stored(source: Source, items: list[Item]) -> tuple[list[Arrival], list[Refused]]:
    arrivals, refused = [], []
    barred = purged([reference_id(source.pk, item.external_id) for item in items])
    for item in items:
        try:
            if reference_id(source.pk, item.external_id) in barred:
                raise Malformed(Reason.PURGED, "an operator had it erased, and may lift that: manage.py purge --lift")
            data = _bytes(item)
            payload_hash = payloads.put(data)
        except Failure as failure:
            refused.append(Refused(external_id=item.external_id, reason=failure.reason.value, detail=failure.detail))
        else:
            told: dict[str, Any] = {"media_type": item.media_type, "metadata": item.metadata}
            arrivals.append(Arrival(item.external_id, payload_hash, len(data), payload_hash, **told))
    return arrivals, refused


def _bytes(item: Item) -> bytes:
    if item.payload_url is not None:
        data = _shared(item.payload_url.removeprefix(SHARED))
    else:
        data = item.base64 if item.base64 is not None else (item.text or "").encode()
    if len(data) > settings.SIZE_LIMIT_BYTES:
        raise Malformed(Reason.TOO_LARGE)
    if item.payload_hash and hashlib.sha256(data).hexdigest() != item.payload_hash:
        raise Malformed(Reason.CORRUPT, "the bytes do not hash to payload_hash")
    return data


def _shared(path: str) -> bytes:
    """The bytes of a file in the shared storage, and of none outside it."""
    if settings.SHARED_STORAGE is None:
        raise Malformed(Reason.UNREADABLE, "no shared storage is set: SLUICEGATE_SHARED_STORAGE")
    root = Path(settings.SHARED_STORAGE).resolve()
    try:
        file = (root / path).resolve(strict=True)
        if not file.is_relative_to(root) or not file.is_file():
            raise Malformed(Reason.NOT_A_FILE, "not a file in the shared storage")
        with file.open("rb") as opened:
            return opened.read(settings.SIZE_LIMIT_BYTES + 1)
    except FileNotFoundError as exc:
        raise Malformed(Reason.PAYLOAD_MISSING, "not in the shared storage") from exc
    except (OSError, ValueError) as exc:
        raise Malformed(Reason.UNREADABLE, type(exc).__name__) from exc
