"""Apply approved batches: what they say becomes live, what no reference says any more stops being so."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from ledger import statements
from ledger.lifecycle import Step
from ledger.reasons import Reason
from patches.asserting import knowledge
from patches.carriers import CARRIED, Carriage, given
from patches.identities import identify, place
from patches.lifecycles import BATCH
from patches.models import ApplyTransaction, Carrier, PatchBatch, UncarriedBatch
from patches.rules import Vocabulary
from patches.slots import Revision, revise
from patches.sql import statement

APPLY_LOCK = 7_304_512
NO_VECTORS: tuple[str, Mapping[str, Any]] = ("SELECT '' AS text_hash, NULL::vector AS vector WHERE false", {})


@dataclass(frozen=True)
class Content:
    """An approved batch, with what it needs to become live.

    `comes_back`: it was live before and was superseded, so its passages and assertions are there. `carriers` are
    (reference, payload hash); `claims` are (patch number, payload) without the rejected ones; `passages` are
    (n, start, end, text, text hash); `identities` are (patch number, entity, the one it is the same as or None).
    """

    batch_id: int
    content_hash: str
    comes_back: bool
    carriers: Sequence[tuple[UUID, str]]
    claims: Sequence[tuple[int, Mapping[str, Any]]]
    passages: Sequence[tuple[int, int, int, str, str]]
    vocabulary: Vocabulary
    identities: Sequence[tuple[int, UUID, UUID | None]] = ()


@dataclass(frozen=True)
class Touched:
    """What has to be looked at again: slots, by what they hold, and entities, by whom they count as."""

    slots: frozenset[UUID] = frozenset()
    entities: frozenset[UUID] = frozenset()

    def __or__(self, other: "Touched") -> "Touched":
        return Touched(self.slots | other.slots, self.entities | other.entities)

    @classmethod
    def of(cls, rows: Iterable[tuple[UUID | None, UUID | None]]) -> "Touched":
        """From pairs of a slot and an entity, of which one is None."""
        pairs = list(rows)
        return cls(
            frozenset(slot for slot, _ in pairs if slot is not None),
            frozenset(entity for _, entity in pairs if entity is not None),
        )


def lock(reflection_id: int) -> None:
    """Wait until no other transaction changes what the reflection holds. Take it first, before any row."""
    statements.rows("SELECT pg_advisory_xact_lock(%s, %s)", [APPLY_LOCK, reflection_id])


@dataclass(frozen=True)
class Applied:
    """The steps that make the batches applied, and what their claims led to."""

    steps: Sequence[Step] = ()
    revision: Revision = field(default_factory=Revision)


def apply(
    reflection_id: int,
    contents: Sequence[Content],
    *,
    by: str,
    note: str = "",
    vectors: tuple[str, Mapping[str, Any]] = NO_VECTORS,
) -> Applied:
    """Write what the batches make live, in one apply number; return the steps that make them applied.

    The caller takes the steps in the same transaction, and rolls back if a batch does not move: it is not approved any
    more. `vectors` is a query, with its parameters, that answers (text_hash, vector): they need not leave the database.
    Needs the reflection's lock. A constant number of statements, whatever the number of batches.
    """
    if not contents:
        return Applied()
    new = [content for content in contents if not content.comes_back]
    revived = [content.batch_id for content in contents if content.comes_back]
    seq, left_behind, touched = _put(reflection_id, contents, new, vectors=vectors, by=by)
    touched |= revive(revived, seq=seq)
    if left_behind:
        touched |= withdraw(PatchBatch.objects.filter(pk__in=left_behind), seq=seq, by=by)
    revision = bring_in_line(reflection_id, touched, seq=seq)
    told: dict[str, Any] = {"to": "applied", "reason": Reason.APPLIED, "by": by, "note": note}
    fresh = PatchBatch.objects.filter(pk__in=[content.batch_id for content in new])
    again = PatchBatch.objects.filter(pk__in=revived)
    return Applied(
        [BATCH.step(fresh, was={"approved"}, **told), BATCH.step(again, was={"superseded"}, **told)], revision
    )


def _put(
    reflection_id: int,
    contents: Sequence[Content],
    new: Sequence[Content],
    *,
    vectors: tuple[str, Mapping[str, Any]],
    by: str,
) -> tuple[int, list[int], Touched]:
    """Write what the new contents say; return the apply number, the batches left behind, and what was touched."""
    entities, assertions = knowledge(
        reflection_id, [(content.batch_id, content.claims, content.vocabulary) for content in new]
    )
    batches = [content.batch_id for content in new]
    [(seq, left_behind, astray)] = statements.rows(
        statement("put").replace("{carried}", CARRIED).replace("{vectors}", vectors[0]),
        {
            "reflection": reflection_id,
            "passages": json.dumps(_passages(new)),
            "entities": json.dumps(entities, default=str),
            "assertions": json.dumps(assertions, default=str),
            "identities": json.dumps(_identities(new), default=str),
            "batches": batches,
            "by": by,
            **given(_carriers(contents)),
            **vectors[1],
        },
    )
    slots = {assertion["slot"] for assertion in assertions}
    if astray:
        slots |= place(reflection_id, batches=batches)
    named = {entity for content in new for _, *pair in content.identities for entity in pair if entity is not None}
    return seq, left_behind, Touched(frozenset(slots), frozenset(named))


def bring_in_line(reflection_id: int, touched: Touched, *, seq: int) -> Revision:
    """Let the aliases and the facts be what the live words and assertions amount to.

    At most six statements. Needs the reflection's lock; once in an apply number.
    """
    slots = touched.slots
    if touched.entities:
        slots |= identify(touched.entities, reflection_id=reflection_id, seq=seq)
    return revise(reflection_id, slots, seq=seq)


def begin(reflection_id: int, *, reason: Reason, by: str) -> int:
    """Take the next apply number, for a change that brings nothing new. Needs the reflection's lock."""
    return ApplyTransaction.objects.create(reflection_id=reflection_id, reason=reason, by=by).seq


def revive(batch_ids: Sequence[int], *, seq: int) -> Touched:
    """Let batches live again that were live before; return what got an assertion or a word back."""
    if not batch_ids:
        return Touched()
    return Touched.of(statements.rows(statement("revive"), {"seq": seq, "batches": list(batch_ids)}))


def withdraw(batches: QuerySet[PatchBatch], *, seq: int, by: str) -> Touched:
    """Supersede those of the batches that no live reference carries; return what lost an assertion or a word."""
    # Lock first, look at the carriers in a later statement: whoever adds a carrier holds a share lock on the batch, and
    # a lock wait does not refresh what a statement sees of other tables.
    list(batches.order_by("pk").select_for_update().values_list("pk"))
    uncarried = batches.filter(~Exists(Carrier.objects.filter(batch=OuterRef("pk"))))
    ended = BATCH.move(uncarried, was={"applied"}, to="superseded", reason=Reason.NO_CARRIER, by=by)
    UncarriedBatch.objects.filter(batch__in=batches).delete()
    return end_lives(ended, seq=seq)


def end_lives(batch_ids: Sequence[int], *, seq: int) -> Touched:
    """Let nothing that the batches say live any more; return what lost an assertion or a word."""
    if not batch_ids:
        return Touched()
    return Touched.of(statements.rows(statement("withdraw"), {"seq": seq, "batches": list(batch_ids)}))


def retire(reflection_id: int, batch_ids: Sequence[int], *, by: str) -> None:
    """Withdraw those of the batches that no reference carries any more, in an apply number of its own.

    Needs a transaction; takes the reflection's lock.
    """
    lock(reflection_id)
    seq = begin(reflection_id, reason=Reason.NO_CARRIER, by=by)
    touched = withdraw(PatchBatch.objects.filter(pk__in=batch_ids), seq=seq, by=by)
    bring_in_line(reflection_id, touched, seq=seq)


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


def _identities(contents: Sequence[Content]) -> list[dict[str, Any]]:
    return [
        {"batch_id": content.batch_id, "n": n, "entity_id": entity, "same_as_id": same_as}
        for content in contents
        for n, entity, same_as in content.identities
    ]
