"""Rows for tests: legal by construction, so a test says only what it is about."""

import hashlib
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from handoffs import payloads
from handoffs.models import Grant, Handoff, Payload, Reference, Reflection, Source, reference_id
from ingestion.lifecycles import DUE
from ingestion.models import Flight, IngestRun, Occurrence
from patches.models import PatchBatch, Verdict

serial = count(1)


def make_reflection(**fields: Any) -> Reflection:
    return Reflection.objects.create(**{"name": f"reflection-{next(serial)}"} | fields)


def make_source(**fields: Any) -> Source:
    if "reflection" not in fields:
        fields["reflection"] = make_reflection()
    source = Source.objects.create(**{"name": f"source-{next(serial)}", "kind": "local_files"} | fields)
    Grant.objects.create(source=source, granted_by="tests")
    return source


def make_payload(data: bytes | None = None, *, stored: bool = False) -> Payload:
    data = f"payload {next(serial)}".encode() if data is None else data
    if stored:
        payloads.put(data)
    payload, _ = Payload.objects.get_or_create(
        payload_hash=hashlib.sha256(data).hexdigest(), defaults={"size_bytes": len(data)}
    )
    return payload


def make_reference(source: Source | None = None, external_id: str | None = None, **fields: Any) -> Reference:
    source = source or make_source()
    name = external_id or f"file-{next(serial)}.md"
    return Reference.objects.create(
        id=reference_id(source.pk, name), source=source, external_id=name, seen_signature="1", **fields
    )


def make_handoff(status: str = "pending", **fields: Any) -> Handoff:
    if "reference" not in fields:
        fields["reference"] = make_reference(fields.pop("source", None))
    if "payload" not in fields:
        fields["payload"] = make_payload()
    given = {"source": fields["reference"].source, "size_bytes": fields["payload"].size_bytes, "status": status}
    return Handoff.objects.create(**given | fields)


def make_flight(source: Source | None = None, stage: str = "fetch", status: str = "open", **fields: Any) -> Flight:
    lease = timezone.now() + timedelta(seconds=60) if status == "open" else None
    given = {"stage": stage, "status": status, "lease_until": lease, "runs_aboard": 1, "size_bytes": 1}
    return Flight.objects.create(source=source or make_source(), **given | fields)


WAYS = {
    "approved": ["approved"],
    "applied": ["approved", "applied"],
    "superseded": ["approved", "applied", "superseded"],
    "reverted": ["approved", "applied", "reverted"],
}


def make_batch(source: Source | None = None, status: str = "proposed", **fields: Any) -> PatchBatch:
    """A batch in the status, with the verdict that it needs to be there."""
    source = source or make_source()
    given: dict[str, Any] = {
        "reflection": source.reflection,
        "source": source,
        "content_hash": hashlib.sha256(str(next(serial)).encode()).hexdigest(),
        "recipe": "r",
        "digest": "d",
        "status": "proposed" if status in WAYS else status,
    }
    approved = fields.pop("approved_digest", "d")
    batch = PatchBatch.objects.create(**given | fields)
    if status in WAYS:
        make_verdict(batch)
    for step in WAYS.get(status, []):
        PatchBatch.objects.filter(pk=batch.pk).update(status=step, approved_digest=approved)
    batch.refresh_from_db()
    return batch


def make_verdict(batch: PatchBatch, decision: str = "approve", **fields: Any) -> Verdict:
    given: dict[str, Any] = {"digest": batch.digest, "decision": decision, "policy": "p", "checks": {}}
    return Verdict.objects.create(batch=batch, **given | fields)


def make_run(status: str = "pending", **fields: Any) -> IngestRun:
    if status in DUE:
        fields.setdefault("next_attempt_at", timezone.now())
    if "handoff" not in fields:
        running = status in (*DUE, "running", "in_review")
        fields["handoff"] = make_handoff("ingesting" if running else "failed", source=fields.pop("source", None))
    source = fields["handoff"].source
    if status == "running" and "flight" not in fields:
        fields["flight"] = make_flight(source)
    if status == "duplicate_skipped" and "duplicate_of" not in fields:
        fields["duplicate_of"] = make_run("completed", source=source)
    given = {"reflection": source.reflection, "source": source, "idempotency_key": f"key-{next(serial)}"}
    return IngestRun.objects.create(status=status, **given | fields)


def make_occurrence(status: str = "due", **fields: Any) -> Occurrence:
    now = timezone.now()
    given: dict[str, Any] = {"scheduled_for": now + timedelta(microseconds=next(serial)), "by": "tests"}
    if "source" not in fields:
        fields["source"] = make_source()
    if status == "due":
        given["next_attempt_at"] = now
    if status == "running":
        given |= {"lease_until": now + timedelta(seconds=60), "started_at": now, "worker": "w", "fence": 1}
    return Occurrence.objects.create(status=status, **given | fields)
