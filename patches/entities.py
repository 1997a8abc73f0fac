"""Take two entities for one, and apart again: patches of a person's own, through the same gate, reverted as any other.

What was said stays as it was said. Facts are of whom their entities count as; see patches/identities.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from handoffs.models import Trust
from ledger import statements
from ledger.crashpoints import reached
from ledger.lifecycle import take
from patches.apply import Applied, Content, apply, lock
from patches.changes import FactChange, named
from patches.evaluation.context import Context, Judged
from patches.evaluation.judging import Judgement, examine, judge
from patches.evaluation.policies import current
from patches.evaluation.shadow import Shadow
from patches.evaluation.verdicts import record
from patches.models import Alias, Entity, Patch, PatchBatch
from patches.moments import Unclear
from patches.predicates import vocabulary
from patches.propose import digest_of
from patches.sql import statement

RECIPE = "a person"


@dataclass(frozen=True)
class Ordered:
    """What came of an order: its batch, whether the gate let it through, and the facts that ended and began.

    `offending` names the checks that it did not pass. `says` is the order in words.
    """

    batch: int
    says: str
    applied: bool
    offending: Sequence[str] = ()
    closed: Sequence[FactChange] = ()
    opened: Sequence[FactChange] = ()


@dataclass(frozen=True)
class Listed:
    """An entity that counts as itself, the names that count as it, and its open facts as subject and as object."""

    id: UUID
    type: str
    name: str
    key: str
    also: Sequence[str]
    facts: int
    named_in: int


@dataclass(frozen=True)
class Word:
    """What somebody said of who an entity is; without `same_as`: itself alone. `status` is that of the batch."""

    batch: int
    entity: str
    same_as: str | None
    status: str
    by: str | None
    why: str | None
    at: datetime | None


@dataclass(frozen=True)
class Order:
    op: Patch.Op
    entity: Entity
    same_as: Entity | None
    says: str

    @property
    def payload(self) -> dict[str, Any]:
        said = {"entity": str(self.entity.pk), "type": self.entity.type, "name": self.entity.name}
        if self.same_as:
            said |= {"into": str(self.same_as.pk), "into_type": self.same_as.type, "into_name": self.same_as.name}
        return said


def merge(entity: Entity, into: Entity, *, by: str, reason: str, dry_run: bool = False) -> Ordered:
    """Let everything that is said of one count as said of the other, and of all that count as these already.

    With `dry_run` nothing is written: the answer is what would happen. Raises Unclear when they are one already, or of
    two reflections; ValueError for no reason.
    """

    def order() -> Order:
        found = counting_as([entity.pk, into.pk])
        one, other = found.get(entity.pk, entity), found.get(into.pk, into)
        if one.pk == other.pk:
            raise Unclear(f"{entity.name!r} and {into.name!r} are one already")
        if entity.reflection_id != into.reflection_id:
            raise Unclear(f"{entity.name!r} and {into.name!r} are not of one reflection")
        return Order(Patch.Op.MERGE_ENTITY, one, other, f"{one.name} is {other.name}")

    return _carry_out(entity.reflection_id, order, by=by, reason=reason, dry_run=dry_run)


def split(entity: Entity, *, by: str, reason: str, dry_run: bool = False) -> Ordered:
    """Let one that counts as another count as itself again, with all that was merged into it; as `merge`.

    Raises Unclear when it does so already.
    """

    def order() -> Order:
        if entity.pk not in counting_as([entity.pk]):
            raise Unclear(f"{entity.name!r} counts as nobody else")
        return Order(Patch.Op.SPLIT_ENTITY, entity, None, f"{entity.name} is itself alone")

    return _carry_out(entity.reflection_id, order, by=by, reason=reason, dry_run=dry_run)


def _carry_out(reflection_id: int, order: Callable[[], Order], *, by: str, reason: str, dry_run: bool) -> Ordered:
    """Propose, judge and apply an order, in one transaction."""
    if not reason.strip():
        raise ValueError("a reason is needed")
    with transaction.atomic(durable=True):
        lock(reflection_id)
        said = order()
        batch = _propose(reflection_id, said)
        judgement = _judge(batch, said)
        recorded = record([judgement], by=by)
        take(*recorded.steps)
        approved = batch.pk in recorded.approved
        applied = _apply(batch, said, by=by, reason=reason) if approved else Applied()
        closed, opened = named(applied.revision)
        reached("entities.before_commit")
        if dry_run:
            transaction.set_rollback(True)
    reached("entities.after_commit")
    offending = [name for name, check in judgement.checks.items() if not check.passed]
    return Ordered(batch.pk, said.says, approved, offending, closed, opened)


def _propose(reflection_id: int, said: Order) -> PatchBatch:
    digest = digest_of([(said.op.value, said.payload)])
    batch = PatchBatch.objects.create(
        reflection_id=reflection_id,
        content_hash=digest,
        recipe=RECIPE,
        title=said.says,
        digest=digest,
        status="proposed",
    )
    Patch.objects.create(batch=batch, n=0, op=said.op, payload=said.payload)
    return batch


def _judge(batch: PatchBatch, said: Order) -> Judgement:
    context = Context(vocabulary())
    judged = Judged(batch.pk, batch.digest, "", [(said.op.value, said.payload)], trust=Trust.HIGH)
    shadow = Shadow(batch.reflection_id)
    return judge(examine(judged, context), context, current(batch.reflection_id), shadow)


def _apply(batch: PatchBatch, said: Order, *, by: str, reason: str) -> Applied:
    word = (0, said.entity.pk, said.same_as.pk if said.same_as else None)
    content = Content(
        batch.pk,
        batch.content_hash,
        comes_back=False,
        carriers=(),
        claims=(),
        passages=(),
        vocabulary={},
        identities=[word],
    )
    applied = apply(batch.reflection_id, [content], by=by, note=reason)
    take(*applied.steps)
    return applied


def counting_as(entities: Sequence[UUID]) -> dict[UUID, Entity]:
    """Whom those of the entities count as now that count as another."""
    found = Alias.objects.filter(entity__in=list(entities), sys__upper_inf=True).select_related("canonical")
    return {alias.entity_id: alias.canonical for alias in found}


def listed(
    reflection_id: int,
    *,
    type_: str | None = None,
    like: str | None = None,
    ids: Sequence[UUID] | None = None,
    limit: int = 50,
) -> list[Listed]:
    """Entities that count as themselves, by type and name; `like` is a part of a name, or of its normal form."""
    pattern = f"%{_literal(like.lower())}%" if like else None
    parameters = {"reflection": reflection_id, "type": type_, "like": pattern, "ids": ids and list(ids), "limit": limit}
    return [Listed(*row) for row in statements.rows(statement("entities"), parameters)]


def words(entities: Sequence[UUID]) -> list[Word]:
    """Everything that was ever said of who they are, in the order in which it was said."""
    return [Word(*row) for row in statements.rows(statement("identity_words"), {"ids": list(entities)})]


def _literal(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
