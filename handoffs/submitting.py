"""Take in references that somebody else persisted: idempotent by reference and payload, and by the caller's own key."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from handoffs import payloads
from handoffs.intake import Arrival, receive
from handoffs.models import ApiToken, Source, reference_id
from ledger import statements
from ledger.crashpoints import reached

ROWS = """
SELECT h.reference_id, h.payload_id, h.id, h.status, h.reason, h.opened
FROM unnest(%(references)s::uuid[], %(hashes)s::text[]) AS g(reference_id, payload_id)
JOIN handoffs_handoff h USING (reference_id, payload_id)
"""
KEY = """
INSERT INTO handoffs_submission (token_id, key, body_hash) VALUES (%(token)s, %(key)s, %(body)s)
ON CONFLICT (token_id, key) DO NOTHING RETURNING id
"""
KNOWN = "SELECT body_hash FROM handoffs_submission WHERE token_id = %(token)s AND key = %(key)s"


class KeyReused(Exception):
    """The idempotency key came before, with another request."""


@dataclass(frozen=True)
class Key:
    """What the caller calls his request; `body_hash` is the SHA-256 of all that he sent with it."""

    token: ApiToken
    key: str
    body_hash: str


@dataclass(frozen=True)
class Submitted:
    """An item and the handoff that it has. `made`: this request made or reopened it."""

    external_id: str
    reference_id: UUID
    payload_hash: str
    handoff_id: int
    status: str
    reason: str
    made: bool


def submit(
    source: Source, arrivals: Sequence[Arrival], *, key: Key | None = None, traceparent: str = ""
) -> list[Submitted]:
    """Make the handoffs of the arrivals, whose bytes are stored; of those that are there already nothing is made.

    All or none, in the order given. A request with a key that came before makes nothing, whatever became of it since;
    KeyReused if that was another request. A constant number of statements.
    """
    payloads.flush()
    wanted = {(reference_id(source.pk, one.external_id), one.payload_hash or ""): one for one in arrivals}
    which = {"references": [reference for reference, _ in wanted], "hashes": [payload for _, payload in wanted]}
    with transaction.atomic(durable=True):
        first = key is None or _is_first(key)
        before = {(row[0], row[1]): row[5] for row in statements.rows(ROWS, which)}
        if first:
            taken = receive(source, arrivals, traceparent=traceparent)
            payloads.confirm(taken.stored)
        found = {(row[0], row[1]): row for row in statements.rows(ROWS, which)}
        reached("submit.before_commit")
    reached("submit.after_commit")
    barred = taken.barred if first else frozenset()
    told = (pair for pair in wanted if pair in found and pair[0] not in barred)
    return [_submitted(wanted[pair], found[pair], before.get(pair)) for pair in told]


def _submitted(arrival: Arrival, row: tuple[UUID, str, int, str, str, int], opened_before: int | None) -> Submitted:
    reference, payload_hash, handoff, status, reason, opened = row
    made = opened != opened_before
    return Submitted(arrival.external_id, reference, payload_hash, handoff, status, reason, made)


def _is_first(key: Key) -> bool:
    """Note the key; a second request with it waits here until the first one is done."""
    given = {"token": key.token.pk, "key": key.key, "body": key.body_hash}
    if statements.rows(KEY, given):
        return True
    if statements.rows(KNOWN, given) != [(key.body_hash,)]:
        raise KeyReused
    return False
