"""Apply approved batches: what they say becomes live, what no reference says any more stops being so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from ledger import statements
from ledger.lifecycle import Step
from ledger.reasons import Reason
from patches.asserting import knowledge
from patches.carriers import CARRIED, Carriage, given
from patches.lifecycles import BATCH
from patches.models import ApplyTransaction, Carrier, PatchBatch, UncarriedBatch
from patches.rules import Vocabulary
from patches.slots import revise
from patches.sql import statement

APPLY_LOCK = 7_304_512


@dataclass(frozen=True)
class Content:
    """An approved batch, with what it needs to become live.

    `comes_back`: it was live before and was superseded, so its passages and assertions are there. `carriers` are
    (reference, payload hash); `claims` are (patch number, payload) without the rejected ones; `passages` are
    (n, start, end, text, text hash).
    """

    batch_id: int
    content_hash: str
    comes_back: bool
    carriers: Sequence[tuple[UUID, str]]
    claims: Sequence[tuple[int, Mapping[str, Any]]]
    passages: Sequence[tuple[int, int, int, str, str]]
    vocabulary: Vocabulary


def lock(reflection_id: int) -> None:
    """Wait until no other transaction changes what the reflection holds. Take it first, before any row."""
    statements.rows("SELECT pg_advisory_xact_lock(%s, %s)", [APPLY_LOCK, reflection_id])


def apply(
    reflection_id: int, contents: Sequence[Content], *, vectors: tuple[str, Mapping[str, Any]], by: str
) -> list[Step]:
    """Write what the batches make live, in one apply number; return the steps that make them applied.

    The caller takes the steps in the same transaction, and rolls back if a batch does not move: it is not approved any
    more. `vectors` is a query, with its parameters, that answers (text_hash, vector): they need not leave the database.
    Needs the reflection's lock. A constant number of statements, whatever the number of batches.
    """
    if not contents:
        return []
    new = [content for content in contents if not content.comes_back]
    revived = [content.batch_id for content in contents if content.comes_back]
    entities, assertions = knowledge(
        reflection_id, [(content.batch_id, content.claims, content.vocabulary) for content in new]
    )
    [(seq, left_behind)] = statements.rows(
        statement("put").replace("{carried}", CARRIED).replace("{vectors}", vectors[0]),
        {
            "reflection": reflection_id,
            "passages": json.dumps(_passages(new)),
            "entities": json.dumps(entities, default=str),
            "assertions": json.dumps(assertions, default=str),
            "batches": [content.batch_id for content in new],
            "by": by,
            **given(_carriers(contents)),
            **vectors[1],
        },
    )
    touched = {assertion["slot"] for assertion in assertions} | revive(revived, seq=seq)
    if left_behind:
        touched |= withdraw(PatchBatch.objects.filter(pk__in=left_behind), seq=seq, by=by)
    revise(reflection_id, touched, seq=seq)
    told: dict[str, Any] = {"to": "applied", "reason": Reason.APPLIED, "by": by}
    fresh = PatchBatch.objects.filter(pk__in=[content.batch_id for content in new])
    steps = [BATCH.step(fresh, was={"approved"}, **told)]
    return [*steps, BATCH.step(PatchBatch.objects.filter(pk__in=revived), was={"superseded"}, **told)]


def begin(reflection_id: int, *, reason: Reason, by: str) -> int:
    """Take the next apply number, for a change that brings nothing new. Needs the reflection's lock."""
    return ApplyTransaction.objects.create(reflection_id=reflection_id, reason=reason, by=by).seq


def revive(batch_ids: Sequence[int], *, seq: int) -> set[UUID]:
    """Let batches live again that were live before; return the slots that got an assertion back."""
    if not batch_ids:
        return set()
    return {slot for (slot,) in statements.rows(statement("revive"), {"seq": seq, "batches": list(batch_ids)})}


def withdraw(batches: QuerySet[PatchBatch], *, seq: int, by: str) -> set[UUID]:
    """Supersede those of the batches that no live reference carries; return the slots that lost an assertion."""
    # Lock first, look at the carriers in a later statement: whoever adds a carrier holds a share lock on the batch, and
    # a lock wait does not refresh what a statement sees of other tables.
    list(batches.order_by("pk").select_for_update().values_list("pk"))
    uncarried = batches.filter(~Exists(Carrier.objects.filter(batch=OuterRef("pk"))))
    ended = BATCH.move(uncarried, was={"applied"}, to="superseded", reason=Reason.NO_CARRIER, by=by)
    UncarriedBatch.objects.filter(batch__in=batches).delete()
    return end_lives(ended, seq=seq)


def end_lives(batch_ids: Sequence[int], *, seq: int) -> set[UUID]:
    """Let nothing that the batches say live any more; return the slots that lost an assertion."""
    if not batch_ids:
        return set()
    return {slot for (slot,) in statements.rows(statement("withdraw"), {"seq": seq, "batches": list(batch_ids)})}


def retire(reflection_id: int, batch_ids: Sequence[int], *, by: str) -> None:
    """Withdraw those of the batches that no reference carries any more, in an apply number of its own.

    Needs a transaction; takes the reflection's lock.
    """
    lock(reflection_id)
    seq = begin(reflection_id, reason=Reason.NO_CARRIER, by=by)
    revise(reflection_id, withdraw(PatchBatch.objects.filter(pk__in=batch_ids), seq=seq, by=by), seq=seq)


def _carriers(contents: Sequence[Content]) -> list[Carriage]:
    return [
        (reference, content.batch_id, content.content_hash, payload_hash)
        for content in contents
        for reference, payload_hash in content.carriers
    ]


def _passages(contents: Sequence[Content]) -> list[dict[str, Any]]:
    names = ("n", "start", "end", "text", "text_hash")
    return [
        {"batch_id": content.batch_id, **dict(zip(names, passage, strict=True))}
        for content in contents
        for passage in content.passages
    ]
