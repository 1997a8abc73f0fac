"""Drive the core in this process: deliver items, open flights, take them through their stages as a worker does."""

import hashlib
from collections.abc import Mapping

from django.db import transaction
from django.db.models.functions import Now

from handoffs import payloads
from handoffs.intake import Arrival, Taken, receive
from handoffs.models import Handoff, Reference, Source
from ingestion import dispatch
from ingestion.flights import advance
from ingestion.models import Flight, IngestRun
from ingestion.recovery import sweep
from ingestion.stages import ORDER
from patches.carriers import drop


def deliver(source: Source, **items: str | bytes) -> Taken:
    """Take in items as sync does; a keyword is a name."""
    return deliver_all(source, items)


def deliver_all(source: Source, items: Mapping[str, str | bytes]) -> Taken:
    arrivals = []
    for name, content in items.items():
        data = content.encode() if isinstance(content, str) else content
        payload_hash = payloads.put(data)
        arrivals.append(Arrival(name, payload_hash[:8], len(data), payload_hash))
    with transaction.atomic():
        return receive(source, arrivals)


def remove(source: Source, *names: str) -> None:
    """Note that items are gone, as sync does."""
    gone = Reference.objects.filter(source=source, external_id__in=names)
    with transaction.atomic():
        gone.update(gone_at="2026-01-01T00:00Z")
        drop(list(gone.values_list("pk", flat=True)))


def open_flights() -> list[Flight]:
    return list(Flight.objects.filter(status="open").order_by("pk"))


def fly(flight: Flight, *, until: str | None = None, worker: str = "w") -> None:
    """Take a flight through its stages, up to and without `until`."""
    for stage in ORDER[ORDER.index(flight.stage) :]:
        if stage == until or not advance(flight.pk, stage, worker=worker):
            return


def silence(flight: Flight) -> None:
    """A worker boards it, and is not heard of for longer than the lease."""
    Flight.objects.filter(pk=flight.pk).update(worker="silent", boarded_at=Now(), lease_until="2026-01-01T00:00Z")


def work_off() -> None:
    """Dispatch, fly and sweep until nothing that is due is left."""
    while dispatch.tick():
        for flight in open_flights():
            fly(flight)
    sweep()


def standing(source: Source) -> dict[str, tuple[str, str]]:
    """Where each item's newest handoff stands, and why."""
    rows = Handoff.objects.filter(source=source).order_by("since", "pk")
    return {h.reference.external_id: (h.status, h.reason) for h in rows.select_related("reference")}


def runs(source: Source) -> list[tuple[str, str]]:
    return list(IngestRun.objects.filter(source=source).order_by("pk").values_list("status", "reason"))


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
