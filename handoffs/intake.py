"""Take in what a source has: payloads, references and handoffs, a page in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from handoffs.lifecycles import ENDED, HANDOFF, WAITING
from handoffs.models import Handoff, Source, reference_id
from handoffs.tombstones import erase_bytes
from ledger import statements
from ledger.lifecycle import take
from ledger.reasons import Reason

# Locked in the order of their ids, as apply locks them: the two may meet on the same references.
GONE = """
UPDATE handoffs_reference SET gone_at = now() WHERE id IN (
  SELECT id FROM handoffs_reference WHERE id = ANY(%s::uuid[]) AND gone_at IS NULL ORDER BY id FOR UPDATE)
"""


@dataclass(frozen=True)
class Arrival:
    """One item as sync saw it. Without a payload hash its bytes were not taken, for `reason`."""

    external_id: str
    signature: str
    size_bytes: int
    payload_hash: str | None
    media_type: str = ""
    reason: Reason | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """How many handoffs a page made.

    `stored` are the hashes that were not known until now: whoever put the bytes makes sure that they are there still.
    `barred` are the items that were purged: nothing was taken of them.
    """

    new: int = 0
    reopened: int = 0
    stored: Sequence[str] = field(default=(), compare=False)
    barred: frozenset[UUID] = field(default=frozenset(), compare=False)


# Locks the rows that are there, in their order: a purge that erases the same bytes comes before or after, not between.
PAYLOADS = """
INSERT INTO handoffs_payload (payload_hash, size_bytes)
SELECT DISTINCT payload_hash, size_bytes
FROM unnest(%(hashes)s::text[], %(sizes)s::bigint[]) p(payload_hash, size_bytes) ORDER BY 1
ON CONFLICT (payload_hash) DO UPDATE SET erased_at = NULL WHERE handoffs_payload.erased_at IS NOT NULL
RETURNING payload_hash
"""
# Answers what stood before, so that a touch can be told from a change. What was purged is not taken in again, nor are
# the bytes that were erased with it under another name in the same source, as after a renaming.
REFERENCES = """
WITH given AS (
  SELECT * FROM unnest(%(ids)s::uuid[], %(names)s::text[], %(media)s::text[], %(signatures)s::text[],
                       %(hashes)s::text[], %(reasons)s::text[], %(metadata)s::jsonb[])
                WITH ORDINALITY AS g(id, name, media, signature, payload_hash, reason, metadata, n)
),
before AS MATERIALIZED (
  SELECT r.id, r.gone_at, r.seen_payload_id, r.applied_payload_id, r.purged_at
  FROM handoffs_reference r JOIN given USING (id) ORDER BY r.id FOR UPDATE OF r
),
barred AS MATERIALIZED (
  SELECT given.id, before.id IS NULL AS renamed FROM given LEFT JOIN before USING (id)
  WHERE before.purged_at IS NOT NULL OR (before.id IS NULL AND EXISTS (
    SELECT FROM handoffs_payload p JOIN handoffs_handoff h ON h.payload_id = p.payload_hash
    JOIN handoffs_reference r ON r.id = h.reference_id
    WHERE p.payload_hash = given.payload_hash AND p.erased_at IS NOT NULL
      AND r.source_id = %(source)s AND r.purged_at IS NOT NULL))
),
tombstones AS (
  INSERT INTO handoffs_reference (id, source_id, external_id, media_type, seen_signature, reason, metadata,
                                  applied_content_hash, gone_at, purged_at, erased_at)
  SELECT id, %(source)s, 'purged:' || id, '', '', 'purged', '{}', '', now(), now(), now() FROM barred WHERE renamed
),
seen AS (
  INSERT INTO handoffs_reference (id, source_id, external_id, media_type, seen_signature, seen_payload_id, reason,
                                  metadata, applied_content_hash)
  SELECT id, %(source)s, name, media, signature, payload_hash, reason, metadata, '' FROM given
  WHERE id NOT IN (SELECT id FROM barred)
  ON CONFLICT (id) DO UPDATE SET external_id = EXCLUDED.external_id,
    seen_signature = EXCLUDED.seen_signature, seen_payload_id = EXCLUDED.seen_payload_id,
    media_type = EXCLUDED.media_type, reason = EXCLUDED.reason, metadata = EXCLUDED.metadata, seen_at = now(),
    gone_at = NULL
)
SELECT given.id, given.payload_hash, before.seen_payload_id, before.gone_at IS NOT NULL, before.applied_payload_id,
       barred.id IS NOT NULL
FROM given LEFT JOIN before USING (id) LEFT JOIN barred USING (id)
WHERE given.payload_hash IS NOT NULL ORDER BY given.n
"""
HANDOFFS = """
INSERT INTO handoffs_handoff (reference_id, payload_id, source_id, size_bytes, priority, status, reason, opened,
                              traceparent)
SELECT g.reference_id, g.payload_hash, %(source)s, p.size_bytes, %(priority)s, 'pending', g.reason, 1, %(trace)s
FROM unnest(%(ids)s::uuid[], %(hashes)s::text[], %(reasons)s::text[])
  WITH ORDINALITY AS g(reference_id, payload_hash, reason, n)
JOIN handoffs_payload p USING (payload_hash) ORDER BY g.n
ON CONFLICT (reference_id, payload_id) DO NOTHING
RETURNING reference_id
"""


def receive(source: Source, arrivals: Sequence[Arrival], *, traceparent: str = "") -> Taken:
    """Note what was seen and make the handoffs that follow from it: a constant number of statements.

    Needs a transaction.
    A newer payload supersedes a waiting handoff of the same reference and waits for a running one. A payload that comes
    back opens its row again; a payload that is applied already, on a reference that was never gone, makes none. Of an
    item that was purged nothing is taken, and bytes that were put for it are deleted again. `traceparent` is kept with
    the handoffs, for who goes on with the trace.
    """
    arrivals = list({arrival.external_id: arrival for arrival in arrivals}.values())
    found = statements.rows(
        REFERENCES,
        {
            "source": source.pk,
            "ids": [reference_id(source.pk, a.external_id) for a in arrivals],
            "names": [a.external_id for a in arrivals],
            "media": [a.media_type for a in arrivals],
            "signatures": [a.signature for a in arrivals],
            "hashes": [a.payload_hash for a in arrivals],
            "reasons": [a.reason or "" for a in arrivals],
            "metadata": [json.dumps(dict(a.metadata)) for a in arrivals],
        },
    )
    barred = frozenset(reference for reference, *_, is_barred in found if is_barred)
    seen = [row[:-1] for row in found if row[0] not in barred]
    erase_bytes(sorted({payload for reference, payload, *_ in found if reference in barred}))
    sizes = {a.payload_hash: a.size_bytes for a in arrivals}
    hashes = sorted({payload for _, payload, *_ in seen})
    stored = statements.rows(PAYLOADS, {"hashes": hashes, "sizes": [sizes[payload] for payload in hashes]})
    taken = _open(source, seen, traceparent)
    _hold_if_paused(source, [reference for reference, *_ in seen])
    return replace(taken, stored=[payload for (payload,) in stored], barred=barred)


def _hold_if_paused(source: Source, references: Sequence[UUID]) -> None:
    """What comes in while its source is paused is held; the share lock lets nobody pause it between look and commit."""
    if statements.rows("SELECT paused FROM handoffs_source WHERE id = %s FOR SHARE", [source.pk]) == [(True,)]:
        rows = Handoff.objects.filter(reference__in=references)
        HANDOFF.move(rows, was={"pending"}, to="held", reason=Reason.PAUSED, by=f"sync:{source.pk}")


def _open(source: Source, seen: Sequence[tuple[UUID, str, str | None, bool, str | None]], traceparent: str) -> Taken:
    """Make or reopen the handoffs of what was seen: (reference, payload, payload before, was gone, applied payload)."""
    payload_of = {reference: payload for reference, payload, *_ in seen}
    siblings = Handoff.objects.filter(reference__in=list(payload_of))
    existing = {(h.reference_id, h.payload_id): h for h in siblings}
    stale = [h.pk for h in existing.values() if h.status in WAITING and h.payload_id != payload_of[h.reference_id]]
    busy = {h.reference_id for h in existing.values() if h.status not in ENDED | WAITING}
    fresh, again = [], {}
    for reference, payload, before, was_gone, applied in seen:
        row = existing.get((reference, payload))
        if row is None:
            fresh.append((reference, payload, Reason.CHANGED if before else Reason.NEW))
        elif row.status in ENDED and (was_gone or _came_back(row, before, applied, busy=reference in busy)):
            again[row.pk] = row.opened + 1
    if stale:
        told: dict[str, Any] = {"reason": Reason.NEWER_PAYLOAD, "by": f"sync:{source.pk}"}
        HANDOFF.move(Handoff.objects.filter(pk__in=stale), was=WAITING, to="superseded", **told)
    if again:
        told = {"reason": Reason.RESTORED, "by": f"sync:{source.pk}"}
        rows = Handoff.objects.filter(pk__in=list(again))
        take(HANDOFF.step(rows, was=ENDED, to="pending", opened=again, traceparent=traceparent, **told))
    made = (
        statements.rows(
            HANDOFFS,
            {
                "source": source.pk,
                "priority": source.priority,
                "trace": traceparent,
                "ids": [reference for reference, _, _ in fresh],
                "hashes": [payload for _, payload, _ in fresh],
                "reasons": [reason for _, _, reason in fresh],
            },
        )
        if fresh
        else []
    )
    return Taken(len(made), len(again))


def _came_back(row: Handoff, before: str | None, applied: str | None, *, busy: bool) -> bool:
    """Whether the reference had other bytes in between, so that this ended handoff has to be done again.

    A mere touch reopens nothing: bytes that were refused once are refused again.
    """
    if row.status in ("superseded", "cancelled"):
        return True
    return before != row.payload_id and (busy or applied != row.payload_id)


def mark_gone(references: Sequence[UUID]) -> None:
    """Note that the source has the references no more. Needs a transaction."""
    statements.run(GONE, [list(references)])
